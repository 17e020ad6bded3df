"""Power cuts at the octets of a flash write: what was claimed holds, what was not may be gone, no outage is lost."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply", "power-cut", "flash-fault")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
DEEPEST = 1_200  # octets and erase steps: past the end of what one record costs
EARLY, LATE = range(0, DEEPEST, 199), range(99, DEEPEST, 199)


@pytest.mark.requirement("RST-01", "FLAG-03")
@pytest.mark.parametrize("depths", [EARLY, LATE], ids=["early", "late"])
def test_a_declaration_is_acknowledged_only_when_it_is_durable(lab, depths):
    cut = 0
    for octets in depths:
        hub = lab()
        hub.rig.cut_after_flash_octets(octets)
        hub.send_flag(valid_s=3_600)
        acknowledged = hub.answers() == ["ack"]
        cut += not hub.rig.powered or hub.rig.runs > 1
        hub.power_cut()
        hub.advance_s(90)
        if acknowledged:
            assert hub.flag() == s.FLAG_PENDING, f"acknowledged, and gone after a cut at octet {octets}"
        hub.esme.transmit(hub.last_sent("activation_pending"))
        hub.advance_s(2)
        assert hub.answers()[-1] == "ack", f"not accepted again after a cut at octet {octets}"
    assert cut > 0


@pytest.mark.requirement("RST-01")
def test_the_acknowledgement_comes_with_the_record_whole(lab):
    """Power fails right after the acknowledgement: the flag must be there."""
    hub = lab()
    hub.send_flag(valid_s=3_600)
    assert hub.answers() == ["ack"]
    hub.power_cut()
    hub.advance_s(90)
    assert hub.flag() == s.FLAG_PENDING


@pytest.mark.requirement("RST-02")
@pytest.mark.parametrize("depths", [EARLY, LATE], ids=["early", "late"])
def test_a_cut_while_the_loss_is_journaled_loses_no_outage(lab, depths):
    for octets in depths:
        hub = lab()
        hub.lose(4)
        hub.rig.cut_after_flash_octets(octets)
        hub.until(10)
        hub.rig.cut_power()
        hub.until(300)
        hub.back(90)
        assert len(hub.headend.alerts) >= 1, f"lost after a cut at octet {octets}"
        assert hub.headend.alerts[-1].level == s.LEVEL_PLAIN
        assert len({alert.id for alert in hub.headend.alerts}) == 1
        assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("RST-02", "WAN-06")
@pytest.mark.parametrize("declared", [False, True])
def test_a_cut_while_the_decision_is_made_loses_no_outage(lab, declared):
    for octets in EARLY:
        hub = lab()
        if declared:
            assert hub.declare(600, 600)
        hub.lose(179)
        hub.rig.cut_after_flash_octets(octets)
        hub.until(190)
        hub.rig.cut_power()
        hub.until(320)
        hub.back(90)
        assert len(hub.headend.alerts) >= 1, f"lost after a cut at octet {octets}"
        assert len({alert.id for alert in hub.headend.alerts}) == 1
        assert len(hub.headend.restorations) == 1
        if declared:  # used, whatever the cut has left of the record
            before = len(hub.headend.alerts)
            hub.outage(190)
            assert hub.decisions()[before:] == [PLAIN]


@pytest.mark.requirement("RST-02")
@pytest.mark.needs("journal-image")
def test_a_cut_while_a_hold_is_asked_for_ends_in_an_alert(lab):
    for octets in EARLY:
        hub = lab(s.POLICY_SUPPRESS)
        assert hub.declare(600, 600)
        hub.lose(179)
        hub.rig.cut_after_flash_octets(octets)
        hub.until(190)
        hub.rig.cut_power()
        hub.until(320)
        hub.back(90)
        assert [alert.raised_by for alert in hub.headend.alerts][:1] == ["hub"], f"silent after a cut at octet {octets}"
        assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("RST-02", "WAN-01")
def test_a_cut_while_the_end_is_journaled_loses_no_outage(lab):
    for octets in EARLY:
        hub = lab()
        hub.headend.online = False
        hub.lose(200)
        hub.back(1)
        hub.rig.cut_after_flash_octets(octets)
        hub.advance_s(5)
        hub.headend.online = True
        hub.advance_s(90)
        told = {alert.id for alert in hub.headend.alerts}
        assert told, f"lost after a cut at octet {octets}"
        assert told == {fields["id"] for _, fields in hub.headend.restorations}


@pytest.mark.requirement("RST-11", "POL-07")
def test_a_policy_command_that_is_cut_off_leaves_the_old_policy_or_the_new(lab):
    for octets in EARLY:
        hub = lab(s.POLICY_ALERT)
        before = len(hub.headend.answers)
        hub.rig.cut_after_flash_octets(octets)
        hub.headend.set_policy(s.POLICY_SUPPRESS)
        hub.advance_s(1)
        acknowledged = len(hub.headend.answers) > before
        hub.power_cut()
        policy = hub.state()["policy"]
        assert policy == s.POLICY_SUPPRESS if acknowledged else policy in (s.POLICY_ALERT, s.POLICY_SUPPRESS)
        hub.set_policy(s.POLICY_TAG)


@pytest.mark.requirement("RST-02", "RST-05")
def test_cuts_at_every_boot_in_a_row_end_when_they_end(lab):
    """A hub that loses its power again and again while it recovers is as good as new afterwards."""
    hub = lab()
    hub.headend.online = False
    hub.outage(200)
    for octets in (0, 10, 100, 300, 500, 700):
        hub.rig.cut_power()
        hub.rig.cut_after_flash_octets(octets)
        hub.power_on()
    hub.power_cut()
    hub.headend.online = True
    hub.advance_s(120)
    first = hub.heard("ad1")[0].fields["id"]
    assert [alert.cause for alert in hub.headend.alerts if alert.id == first] == [s.CAUSE_SUPPLY_LOSS]
    assert hub.state()["queued"] == 0
    assert not hub.state()["damaged"]
