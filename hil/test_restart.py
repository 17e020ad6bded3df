"""Restarts and power cuts: at each stage of an outage, and at every so many octets that the hub writes to its flash."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
UNKNOWN = (s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION)
KINDS = (s.RESTART_RESET, s.RESTART_WATCHDOG)


# ---- restarts


@pytest.mark.requirement("RST-03")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_s", [2, 20, 100, 165])
def test_a_restart_before_the_threshold_resumes_the_same_outage(lab, kind, at_s):
    hub = lab()
    hub.lose(at_s)
    hub.restart(kind)
    hub.until(225)
    assert len({alert.id for alert in hub.headend.alerts}) == 1
    first = hub.heard("ad1")[0]
    assert 180_000 <= first.at_ms - hub.lost_at_ms <= 211_000
    assert hub.headend.alerts[0].level == s.LEVEL_PLAIN


@pytest.mark.requirement("RST-03")
@pytest.mark.parametrize("at_s", [55, 165])
def test_a_restart_without_a_time_goes_on_from_the_last_checkpoint(lab, at_s):
    hub = lab()
    hub.headend.tell_time = False
    hub.lose(at_s)
    hub.restart()
    hub.until(215)
    assert hub.decisions() == [PLAIN]
    assert 180_000 <= hub.heard("ad1")[0].at_ms - hub.lost_at_ms <= 211_000


@pytest.mark.requirement("RST-03", "OUT-02")
@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_in_an_outage_that_ends_early_raises_no_alert(lab, kind):
    hub = lab()
    hub.lose(60)
    hub.restart(kind)
    hub.until(150)
    hub.back(90)
    assert hub.decisions() == []


@pytest.mark.requirement("RST-04", "RST-08")
def test_a_second_restart_that_no_time_has_proven_alerts_at_once(lab):
    hub = lab()
    hub.headend.tell_time = False
    hub.lose(40)
    hub.restart()
    assert hub.decisions() == []
    hub.advance_s(5)
    hub.restart()
    hub.advance_s(3)
    assert hub.decisions() == [UNKNOWN]
    assert hub.headend.alerts[0].fields["elapsed_s"] == s.UNKNOWN_S


@pytest.mark.requirement("RST-03", "OUT-01")
def test_a_row_of_restarts_does_not_keep_an_outage_from_being_alerted(lab):
    hub = lab()
    hub.lose()
    while hub.now_ms - hub.lost_at_ms < 210_000:
        hub.restart()
        hub.advance_s(9)
    assert hub.decisions()
    assert hub.heard("ad1")[0].at_ms - hub.lost_at_ms <= 211_000


@pytest.mark.requirement("RST-05")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", [False, True])
def test_a_restart_after_the_decision_repeats_nothing_and_ends_with_restored(lab, kind, declared):
    hub = lab()
    if declared:
        assert hub.declare(600, 600)
    hub.lose(200)
    hub.restart(kind)
    hub.until(300)
    hub.back(70)
    assert hub.decisions()[0] == (TAGGED if declared else PLAIN)
    assert len({alert.id for alert in hub.headend.alerts}) == 1
    assert [alert.revision for alert in hub.headend.alerts] == list(range(1, len(hub.headend.alerts) + 1))
    ((_, restored),) = hub.headend.restorations
    assert restored["id"] == hub.headend.alerts[0].id


@pytest.mark.requirement("RST-05", "OUT-07")
def test_a_restart_while_the_return_is_awaited_still_ends_the_outage(lab):
    hub = lab()
    hub.lose(200)
    hub.back(0.5)
    hub.restart()
    hub.back(70)
    assert hub.decisions() == [PLAIN]
    assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("RST-09", "BEN-07")
@pytest.mark.parametrize("kind", KINDS)
def test_a_restarted_hub_answers_soon_and_counts_its_boots(lab, kind):
    hub = lab()
    before = hub.bench.ask("identify", answer="identity").fields
    hub.restart(kind)
    after = hub.bench.ask("identify", answer="identity").fields
    assert (after["boot"], after["epoch"]) == (before["boot"] + 1, before["epoch"])
    hub.lose(200)
    hub.restart(kind)
    assert hub.bench.ask("identify", answer="identity").fields["boot"] == before["boot"] + 2


# ---- power-on


@pytest.mark.requirement("RST-06")
@pytest.mark.needs("journal-image")
def test_a_hub_that_was_never_on_has_had_no_outage(lab):
    hub = lab()
    hub.advance_s(200)
    assert hub.decisions() == []
    assert hub.heard("ad1") == []


@pytest.mark.requirement("RST-06", "BEN-07")
@pytest.mark.needs("power-cut", "journal-image")
def test_a_power_cut_in_the_very_first_boot_is_no_reason_to_stay_silent_or_to_hang(lab):
    for octets in range(0, 2_000, 333):
        hub = lab(on=False)
        hub.rig.cut_after_flash_octets(octets)
        hub.power_on()
        hub.advance_s(5)
        assert hub.bench.ask("identify", answer="identity").fields["hub"] == hub.esme.hub
        assert hub.declare() or hub.answers()[-1] == "busy"


@pytest.mark.requirement("RST-07", "RST-08")
@pytest.mark.needs("power-cut", "stepped-time")
def test_a_power_on_without_a_record_is_alerted_as_unknown(lab):
    hub = lab()
    hub.advance_s(3_600)
    hub.rig.set_supply(False)
    hub.rig.cut_power()
    hub.advance_s(30)
    back_ms = hub.now_ms
    hub.back(70)
    assert hub.decisions() == [UNKNOWN]
    assert hub.heard("ad1")[0].at_ms - back_ms <= 61_500
    assert hub.headend.alerts[0].fields["elapsed_s"] == s.UNKNOWN_S
    assert hub.lasted() == [s.UNKNOWN_S]


@pytest.mark.requirement("RST-07")
@pytest.mark.needs("power-cut")
def test_a_power_cut_soon_after_an_orderly_stop_and_start_is_alerted_too(lab):
    """The mark of an orderly stop covers that one restart, and no power-on that follows it."""
    hub = lab()
    hub.restart()
    hub.headend.tell_time = False
    hub.power_cut(400)
    hub.advance_s(70)
    assert hub.decisions() == [UNKNOWN]


# ---- a store that fails


@pytest.mark.requirement("RST-10")
@pytest.mark.needs("flash-fault", "power-cut")
def test_with_a_store_that_fails_nothing_is_claimed_and_everything_alerted(lab):
    hub = lab()
    hub.rig.set_flash_failing(True)
    hub.power_cut()
    hub.advance_s(90)
    alerts = len(hub.headend.alerts)
    assert not hub.declare()
    assert hub.answers()[-1] == "store"
    assert hub.flag() != s.FLAG_PENDING
    refusal = hub.command(lambda: hub.headend.set_policy(s.POLICY_SUPPRESS))
    assert (refusal["name"], refusal["reason"]) == ("command_refusal", s.REFUSED_STORE)
    hub.lose(190)
    assert hub.decisions()[alerts:] == [PLAIN]
    assert hub.headend.alerts[-1].fields["bits"] & s.SENSE_STORE_FAULT
