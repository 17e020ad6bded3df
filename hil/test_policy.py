"""What is decided at 180 s and after, under each policy; policies that change in mid-outage; the bound on silence."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


@pytest.mark.requirement("POL-08")
@pytest.mark.needs("journal-image")
def test_the_policy_is_tag_until_told_otherwise(lab):
    assert lab().state()["policy"] == s.POLICY_TAG


@pytest.mark.requirement("POL-01")
def test_under_alert_a_flag_changes_nothing(lab):
    hub = lab(s.POLICY_ALERT)
    assert hub.declare(400, 600)
    hub.outage(450)
    assert hub.decisions() == [PLAIN]
    assert hub.heard("hold_notice") == []


@pytest.mark.requirement("POL-02")
def test_under_tag_an_activation_that_ends_in_time_is_tagged_and_restored(lab):
    hub = lab()
    assert hub.declare(400, 600)
    hub.outage(390)
    assert hub.decisions() == [TAGGED]
    assert [fields["level"] for _, fields in hub.headend.restorations] == [s.LEVEL_TAGGED]
    assert hub.heard("hold_notice") == []


@pytest.mark.requirement("POL-02", "POL-05")
def test_under_tag_a_genuine_outage_in_the_window_rises_to_plain_at_its_end(lab):
    hub = lab()
    assert hub.declare(400, 600)
    hub.lose(420)
    assert hub.decisions() == [TAGGED, OVERRUN]
    first, second = hub.heard("ad1")
    assert 400_000 <= second.at_ms - hub.lost_at_ms <= 401_000
    assert first.fields["id"] == second.fields["id"]
    assert [first.fields["revision"], second.fields["revision"]] == [1, 2]


@pytest.mark.requirement("POL-02")
@pytest.mark.needs("stepped-time")
@pytest.mark.parametrize(("seconds", "expected"), [(299.999, [TAGGED]), (300.001, [TAGGED, OVERRUN])])
def test_the_windows_end_counts_to_the_millisecond(lab, seconds, expected):
    hub = lab()
    assert hub.declare(300, 600)
    hub.lose(seconds)
    hub.back(10)
    assert hub.decisions() == expected


@pytest.mark.requirement("POL-02")
def test_a_window_that_is_over_before_the_threshold_excuses_nothing(lab):
    hub = lab()
    assert hub.declare(60, 600)
    hub.outage(190)
    assert hub.decisions() == [OVERRUN]


@pytest.mark.requirement("POL-03", "HOLD-08")
@pytest.mark.needs("journal-image")
def test_under_suppress_a_genuine_outage_in_the_window_is_alerted_at_its_end(lab):
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(400, 600)
    hub.lose(420)
    assert hub.decisions() == [OVERRUN]
    (ad1,) = hub.heard("ad1")
    assert 400_000 <= ad1.at_ms - hub.lost_at_ms <= 401_000
    assert all(watch.ended for watch in hub.headend.watches.values())


@pytest.mark.requirement("POL-03", "HOLD-04")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize("policy", [s.POLICY_SUPPRESS, s.POLICY_SUPPRESS_INFERRED])
def test_under_suppress_a_declared_activation_reaches_no_operator(lab, policy):
    hub = lab(policy)
    assert hub.declare(400, 600)
    hub.outage(300)
    hub.advance_s(600)
    assert hub.headend.alerts == []
    assert [fields["level"] for _, fields in hub.headend.restorations] == [s.LEVEL_HELD]


@pytest.mark.requirement("POL-03")
def test_under_suppress_an_outage_without_a_flag_is_plain(lab):
    hub = lab(s.POLICY_SUPPRESS)
    hub.outage(190)
    assert hub.decisions() == [PLAIN]
    assert hub.heard("hold_notice") == []


# ---- changed in mid-outage


@pytest.mark.requirement("POL-04", "POL-05")
@pytest.mark.needs("journal-image")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (s.POLICY_TAG, s.POLICY_ALERT, [TAGGED, PLAIN]),
        (s.POLICY_SUPPRESS, s.POLICY_ALERT, [PLAIN]),
        (s.POLICY_SUPPRESS, s.POLICY_TAG, [TAGGED]),
    ],
)
def test_a_louder_policy_raises_an_open_outage_at_once(lab, before, after, expected):
    hub = lab(before)
    assert hub.declare(600, 600)
    hub.lose(200)
    told_ms = hub.now_ms
    hub.set_policy(after)
    hub.advance_s(1)
    assert hub.decisions() == expected
    assert hub.heard("ad1")[-1].at_ms - told_ms <= 1_000
    ids = {fields["id"] for _, fields in hub.headend.notices} | {alert.id for alert in hub.headend.alerts}
    assert len(ids) == 1


@pytest.mark.requirement("POL-05")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (s.POLICY_ALERT, s.POLICY_TAG, [PLAIN]),
        (s.POLICY_ALERT, s.POLICY_SUPPRESS, [PLAIN]),
        (s.POLICY_TAG, s.POLICY_SUPPRESS, [TAGGED]),
    ],
)
def test_a_quieter_policy_lowers_no_open_outage(lab, before, after, expected):
    hub = lab(before)
    assert hub.declare(600, 600)
    hub.lose(200)
    hub.set_policy(after)
    hub.until(300)
    assert hub.decisions() == expected
    assert hub.heard("hold_notice") == []


@pytest.mark.requirement("POL-04")
@pytest.mark.parametrize(("before", "after"), [(s.POLICY_TAG, s.POLICY_ALERT), (s.POLICY_ALERT, s.POLICY_TAG)])
def test_the_policy_at_the_threshold_decides_not_that_at_the_loss(lab, before, after):
    hub = lab(before)
    assert hub.declare(600, 600)
    hub.lose(100)
    hub.set_policy(after)
    hub.until(190)
    assert hub.decisions() == [PLAIN if after == s.POLICY_ALERT else TAGGED]


@pytest.mark.requirement("POL-09")
@pytest.mark.needs("stepped-time")
def test_a_policy_set_while_supply_is_returning_waits_for_the_return(lab):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose(200)
    hub.back(0.5)
    hub.set_policy(s.POLICY_ALERT)
    hub.back(10)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("POL-09", "POL-04")
@pytest.mark.needs("stepped-time")
def test_a_policy_set_in_a_return_that_fails_counts_at_the_next_loss(lab):
    hub = lab()
    assert hub.declare(600, 600)
    hub.lose(200)
    hub.back(0.2)
    hub.set_policy(s.POLICY_ALERT)
    hub.rig.set_supply(False)
    hub.until(210)
    assert hub.decisions() == [TAGGED, PLAIN]


@pytest.mark.requirement("POL-07")
@pytest.mark.needs("power-cut")
def test_a_policy_outlives_restarts_and_power_cuts(lab):
    hub = lab(s.POLICY_SUPPRESS)
    hub.restart()
    assert hub.state()["policy"] == s.POLICY_SUPPRESS
    hub.power_cut()
    assert hub.state()["policy"] == s.POLICY_SUPPRESS


@pytest.mark.requirement("POL-05")
@pytest.mark.needs("journal-image")
def test_revisions_count_every_rise_and_the_last_is_told_at_the_end(lab):
    """Asked, held, tagged, plain: the same outage at each level once."""
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(600, 600)
    hub.lose(200)
    hub.set_policy(s.POLICY_TAG)
    hub.advance_s(5)
    hub.set_policy(s.POLICY_ALERT)
    hub.advance_s(5)
    hub.back()
    revisions = [alert.revision for alert in hub.headend.alerts]
    assert revisions == [3, 4]
    ((_, restored),) = hub.headend.restorations
    assert (restored["revision"], restored["level"]) == (4, s.LEVEL_PLAIN)


# ---- the bound on silence


@pytest.mark.requirement("POL-06")
@pytest.mark.needs("journal-image", "stepped-time")
def test_a_second_activation_within_24_h_is_tagged_and_a_third_after_them_is_held(lab):
    hub = lab(s.POLICY_SUPPRESS)
    for wait_s, held in ((0, True), (43_200, False), (43_300, True)):
        hub.advance_s(wait_s)
        before = len(hub.headend.notices), len(hub.headend.alerts)
        assert hub.declare(400, 600)
        hub.outage(200)
        asked, told = len(hub.headend.notices) - before[0], len(hub.headend.alerts) - before[1]
        assert (asked > 0, told) == (held, 0 if held else 1)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("POL-06")
@pytest.mark.needs("journal-image", "power-cut")
@pytest.mark.parametrize("how", ["restart", "power_cut"])
def test_no_restart_buys_a_second_silence(lab, how):
    hub = lab(s.POLICY_SUPPRESS)
    assert hub.declare(400, 600)
    hub.outage(200)
    getattr(hub, how)()
    hub.advance_s(70)
    alerts = len(hub.headend.alerts)
    notices = len(hub.headend.notices)
    assert hub.declare(400, 600)
    hub.outage(200)
    assert hub.decisions()[alerts:] == [TAGGED]
    assert len(hub.headend.notices) == notices
