"""Holding an outage back: asked, granted, declined, unanswered, late, forged; a hub that dies or restarts meanwhile."""

import pytest

from chf.wire import schema as s

pytestmark = pytest.mark.needs("supply", "journal-image")
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
OVERRUN = (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)


def in_the_window(lab, seconds, window_s=400, **headend):
    """A hub with policy suppress whose declared activation has kept supply away for so long."""
    hub = lab(s.POLICY_SUPPRESS)
    for name, value in headend.items():
        setattr(hub.headend, name, value)
    assert hub.declare(window_s, 600)
    hub.lose(seconds)
    return hub


@pytest.mark.requirement("HOLD-01", "HOLD-04", "OUT-06")
def test_a_granted_hold_is_silent_and_ends_with_restored(lab):
    hub = in_the_window(lab, 190)
    (notice,) = hub.heard("hold_notice")
    assert 180_000 <= notice.at_ms - hub.lost_at_ms <= 181_000
    assert (notice.fields["window_s"], notice.fields["source"]) == (400, s.SOURCE_DECLARED)
    assert hub.state()["level"] == s.LEVEL_HELD
    hub.until(300)
    hub.back()
    assert hub.heard("ad1") == []
    ((_, restored),) = hub.headend.restorations
    assert (restored["id"], restored["level"]) == (notice.fields["id"], s.LEVEL_HELD)
    hub.advance_s(600)
    assert hub.headend.alerts == []


@pytest.mark.requirement("HOLD-02")
def test_a_declined_hold_is_tagged_at_once(lab):
    hub = in_the_window(lab, 190, accept_hold=False)
    (ad1,) = hub.heard("ad1")
    assert ad1.at_ms - hub.lost_at_ms <= 181_000
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("HOLD-02", "HOLD-03")
def test_an_unanswered_hold_is_repeated_and_then_tagged(lab):
    hub = in_the_window(lab, 200, accept_hold=None)
    notices = hub.heard("hold_notice")
    since = [notice.at_ms - notices[0].at_ms for notice in notices]
    assert len(since) >= 3
    assert all(abs(at_ms - 2_000 * index) <= 200 for index, at_ms in enumerate(since))
    for notice in notices:
        left_ms = 400_000 - (notice.at_ms - hub.lost_at_ms)
        assert left_ms <= notice.fields["left_s"] * 1000 <= left_ms + 1_100
    (ad1,) = hub.heard("ad1")
    assert 186_000 <= ad1.at_ms - hub.lost_at_ms <= 187_000
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("HOLD-01")
def test_a_hold_granted_after_five_seconds_still_counts(lab):
    hub = in_the_window(lab, 200, delay_ms=5_000)
    assert hub.state()["level"] == s.LEVEL_HELD
    assert hub.heard("ad1") == []


@pytest.mark.requirement("HOLD-01", "HOLD-02")
def test_a_hold_granted_too_late_changes_nothing(lab):
    hub = in_the_window(lab, 200, delay_ms=8_000)
    assert hub.decisions() == [TAGGED]
    assert hub.state()["level"] == s.LEVEL_TAGGED


def answer(hub, **changes):
    """Answer the last notice as the head-end does, but for these fields and options of the frame."""
    notice = hub.heard("hold_notice")[-1].fields
    options = {name: changes.pop(name) for name in ("key",) if name in changes}
    fields = {"id": notice["id"], "window_s": notice["window_s"], "accepted": 1, **changes}
    hub.headend.send("hold_ack", fields, **options)
    hub.advance_s(0.5)


@pytest.mark.requirement("HOLD-01")
@pytest.mark.parametrize(
    "changes",
    [{"id": bytes(12)}, {"window_s": 401}, {"accepted": 2}, {"key": bytes(32)}],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_that_does_not_fit_the_notice_holds_nothing(lab, changes):
    hub = in_the_window(lab, 181, accept_hold=None)
    answer(hub, **changes)
    hub.until(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("HOLD-01")
def test_an_answer_kept_from_an_earlier_outage_holds_nothing(lab):
    hub = in_the_window(lab, 190)
    kept = hub.last_sent("hold_ack")
    hub.back()
    hub.advance_s(86_500)
    hub.headend.accept_hold = None
    assert hub.declare(400, 600)
    hub.lose(181)
    hub.bench.transmit(s.LINK_WAN, kept)
    hub.until(190)
    assert hub.decisions() == [TAGGED]


@pytest.mark.requirement("HOLD-01")
def test_a_hold_can_be_withdrawn_by_no_later_answer(lab):
    """Once held, a stray answer to an earlier notice neither raises nor ends anything."""
    hub = in_the_window(lab, 190)
    answer(hub, accepted=0)
    assert hub.state()["level"] == s.LEVEL_HELD
    assert hub.heard("ad1") == []


@pytest.mark.requirement("HOLD-05")
@pytest.mark.needs("power-cut")
def test_when_a_held_hub_dies_the_head_end_alerts_at_the_windows_end(lab):
    hub = in_the_window(lab, 250)
    hub.rig.cut_power()
    hub.until(420)
    assert [(alert.raised_by, alert.level) for alert in hub.headend.alerts] == [("head-end", s.LEVEL_PLAIN)]
    alert = hub.headend.alerts[0]
    assert 400_000 <= alert.at_ms - hub.lost_at_ms <= 412_000


@pytest.mark.requirement("HOLD-06", "HOLD-08")
@pytest.mark.parametrize("kind", [s.RESTART_RESET, s.RESTART_WATCHDOG])
def test_a_held_hub_that_restarts_alerts_plainly(lab, kind):
    hub = in_the_window(lab, 200)
    assert hub.state()["level"] == s.LEVEL_HELD
    hub.restart(kind)
    assert hub.decisions() == [OVERRUN]
    assert hub.headend.alerts[0].id == hub.headend.notices[0][1]["id"]


@pytest.mark.requirement("HOLD-06")
def test_a_hub_that_restarts_while_it_asks_alerts_plainly(lab):
    hub = in_the_window(lab, 181, accept_hold=None)
    hub.restart()
    hub.headend.accept_hold = True
    hub.advance_s(20)
    assert hub.decisions() == [OVERRUN]
    assert hub.headend.alerts[0].id == hub.headend.notices[0][1]["id"]


@pytest.mark.requirement("HOLD-06", "HOLD-08")
@pytest.mark.needs("power-cut")
def test_a_held_hub_that_dies_and_comes_back_with_supply_alerts_and_tells_the_end(lab):
    hub = in_the_window(lab, 200)
    hub.rig.cut_power()
    hub.until(300)
    hub.back(90)
    assert OVERRUN in hub.decisions()
    assert [fields["id"] for _, fields in hub.headend.restorations] == [hub.headend.notices[0][1]["id"]]


@pytest.mark.requirement("HOLD-07", "HOLD-08")
@pytest.mark.needs("stepped-time")
def test_supply_back_while_the_question_is_open_ends_in_a_tag_and_restored(lab):
    hub = in_the_window(lab, 182, accept_hold=None)
    hub.back(20)
    assert hub.decisions() == [TAGGED]
    assert [fields["level"] for _, fields in hub.headend.restorations] == [s.LEVEL_TAGGED]


@pytest.mark.requirement("HOLD-07", "HOLD-08")
@pytest.mark.needs("stepped-time")
def test_supply_back_and_the_hold_granted_meanwhile_ends_with_restored(lab):
    hub = in_the_window(lab, 181, accept_hold=None)
    hub.back(0.5)
    answer(hub)
    hub.back(20)
    told = s.LEVEL_TAGGED if hub.decisions() else s.LEVEL_HELD
    ((_, restored),) = hub.headend.restorations
    assert (restored["id"], restored["level"]) == (hub.headend.notices[0][1]["id"], told)
    assert hub.decisions() in ([TAGGED], [])


@pytest.mark.requirement("HOLD-02")
def test_with_the_wan_down_nothing_is_held_and_the_tag_is_delivered_later(lab):
    hub = in_the_window(lab, 200, online=False)
    assert hub.headend.alerts == []
    hub.back()
    hub.headend.online = True
    hub.advance_s(450)
    assert hub.decisions() == [TAGGED]
    assert len(hub.headend.restorations) == 1


@pytest.mark.requirement("HOLD-06", "POL-06")
def test_a_flag_declared_again_does_not_hold_the_same_outage_twice(lab):
    """A meter that repeats its declaration while its outage is held gets no longer silence."""
    hub = in_the_window(lab, 200)
    hub.send_flag(expected_outage_s=600, valid_s=3_600)
    assert hub.answers()[-1] == "busy"
    hub.until(410)
    assert hub.decisions() == [OVERRUN]
