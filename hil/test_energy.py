"""The hold-up: it dies early, in the window, in mid-send; it is too low to hold, to stay held, or to repeat."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply", "holdup")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
NEARLY_EMPTY_MV = 2_250  # above the dying voltage, and not enough for a window, a send and a margin


def charge(hub, mv):
    """The hold-up capacitor has this charge now; with supply out it falls from here."""
    hub.rig.supply.holdup_mv = mv


@pytest.mark.requirement("ENG-01")
@pytest.mark.needs("power-cut")
@pytest.mark.parametrize("back_s", [181, 300, 4_000])
def test_a_hub_that_dies_before_the_threshold_alerts_after_a_long_outage(lab, back_s):
    hub = lab()
    hub.lose()
    charge(hub, 2_300)
    hub.until(179)
    assert not hub.rig.powered
    hub.until(back_s + 6)
    hub.back(70)
    (ad1,) = hub.headend.alerts
    assert (ad1.level, ad1.cause) == PLAIN
    assert back_s <= ad1.fields["elapsed_s"] <= back_s + 12
    ((_, restored),) = hub.headend.restorations
    assert restored["id"] == ad1.id


@pytest.mark.requirement("ENG-01", "OUT-02")
@pytest.mark.needs("power-cut")
def test_a_hub_that_dies_before_the_threshold_is_silent_after_a_proven_short_outage(lab):
    hub = lab()
    hub.lose()
    charge(hub, 2_300)
    hub.until(160)
    assert not hub.rig.powered
    hub.back(120)
    assert hub.decisions() == []


@pytest.mark.requirement("ENG-02")
@pytest.mark.needs("power-cut", "stepped-time")
@pytest.mark.parametrize(("full_mv", "dies_s"), [(5_000, 5.5), (2_205, 4.5)])
def test_the_loss_is_durable_at_5_s_or_at_the_dying_voltage(lab, full_mv, dies_s):
    """Durable, the outage is proven short over the power cut; forgotten, the hub would have to alert."""
    hub = lab()
    hub.advance_s(1_000)
    hub.lose()
    charge(hub, full_mv)
    hub.until(dies_s)
    hub.rig.cut_power()
    hub.until(150)
    hub.back(120)
    assert hub.decisions() == []


@pytest.mark.requirement("ENG-01", "FLAG-01")
@pytest.mark.needs("power-cut")
def test_a_hub_that_dies_in_an_activation_window_still_tells_of_it(lab):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose()
    charge(hub, 2_300)
    hub.until(300)
    assert not hub.rig.powered
    hub.back(70)
    assert hub.decisions() == [TAGGED]
    assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("ENG-01", "OUT-07")
@pytest.mark.needs("power-cut")
def test_a_hub_that_dies_after_its_alert_tells_the_end_with_the_same_id(lab):
    hub = lab()
    hub.lose(200)
    hub.rig.cut_power()
    hub.until(1_000)
    hub.back(90)
    assert hub.decisions()[0] == PLAIN
    assert {alert.id for alert in hub.headend.alerts} == {fields["id"] for _, fields in hub.headend.restorations}


@pytest.mark.requirement("ENG-03", "WAN-06")
@pytest.mark.needs("send-cut")
@pytest.mark.parametrize("octets", [0, 1, 40, 90])
def test_an_alert_that_is_cut_off_in_mid_send_is_sent_again_whole(lab, octets):
    hub = lab()
    hub.lose(170)
    hub.rig.cut_after_wan_octets(octets)
    hub.until(182)
    assert not hub.rig.powered
    assert hub.headend.alerts == []
    hub.until(400)
    hub.back(90)
    assert hub.decisions()[0] == PLAIN
    assert hub.headend.alerts[0].revision == 1
    assert len({alert.id for alert in hub.headend.alerts}) == 1
    assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("ENG-04")
@pytest.mark.needs("journal-image")
def test_energy_that_is_short_at_the_threshold_leads_to_a_tag(lab):
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(600, 600)
    hub.lose(178)
    charge(hub, NEARLY_EMPTY_MV)
    hub.until(182)
    assert hub.decisions() == [TAGGED]
    assert hub.heard("hold_notice") == []


@pytest.mark.requirement("ENG-05", "HOLD-08")
@pytest.mark.needs("journal-image")
def test_energy_that_runs_short_while_held_leads_to_a_plain_alert(lab):
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(600, 600)
    hub.lose(250)
    assert hub.state()["level"] == s.LEVEL_HELD
    charge(hub, NEARLY_EMPTY_MV)
    hub.until(253)
    assert hub.decisions() == [OVERRUN]
    assert hub.headend.alerts[0].id == hub.headend.notices[0][1]["id"]


@pytest.mark.requirement("ENG-07")
def test_the_first_send_is_made_on_the_last_energy(lab):
    hub = lab()
    hub.lose(179)
    charge(hub, NEARLY_EMPTY_MV)
    hub.until(181)
    assert hub.decisions() == [PLAIN]


@pytest.mark.requirement("ENG-06", "WAN-01")
def test_repeats_stop_on_low_energy_and_go_on_with_supply(lab):
    hub = lab()
    hub.headend.acknowledge = False
    hub.lose(179)
    charge(hub, 2_070)
    hub.until(192)
    assert len(hub.heard("ad1")) == 1
    hub.headend.acknowledge = True
    hub.back(10)
    assert len(hub.heard("ad1")) == 2
    assert hub.state()["queued"] == 0


@pytest.mark.requirement("ENG-06", "WAN-03")
def test_repeats_go_on_without_supply_while_energy_allows(lab):
    hub = lab()
    hub.headend.acknowledge = False
    hub.lose(260)
    assert len(hub.heard("ad1")) >= 3


@pytest.mark.requirement("WAN-01", "ENG-01")
def test_an_alert_that_found_no_wan_is_sent_after_restoration(lab):
    hub = lab()
    hub.headend.online = False
    hub.outage(300)
    assert hub.headend.alerts == []
    hub.headend.online = True
    hub.advance_s(30)
    assert hub.decisions() == [PLAIN]
    assert len(hub.headend.restorations) == 1
