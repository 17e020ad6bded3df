"""Activations for a time: nothing before, pending around it by a clock that is trusted, kept until then."""

import pytest

from chf.wire import schema as s
from hil import legacy
from hil.legacy import activate, answered, ended, says
from host_tools.gbcs import build

pytestmark = pytest.mark.needs("supply", "stepped-time")
PLAIN = (s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS)
TAGGED = (s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION)
DUE_S = 7_200
SLACK_S = 2  # by which the hub's time may lag the head-end's, and some more for its own seconds


class Scheduled:
    """A hub with an activation that is due in so many seconds by the head-end's clock."""

    def __init__(self, hub, due_s=DUE_S):
        self.hub = hub
        self.due_ms = hub.now_ms + 1_000 * due_s
        self.due_utc = legacy.now_utc(hub) + due_s
        self.counter = activate(hub, self.due_utc)

    def until(self, seconds):
        """Wait until so long after its time."""
        self.hub.bench.advance(self.due_ms + round(1_000 * seconds) - self.hub.now_ms)

    def alerted(self):
        """The decisions of one more outage."""
        before = len(self.hub.decisions())
        self.hub.outage(190)
        return self.hub.decisions()[before:]


@pytest.mark.requirement("SCH-01")
@pytest.mark.parametrize(
    ("offset_s", "expected"),
    [
        (-300, PLAIN),
        (-legacy.EARLY_S - SLACK_S, PLAIN),
        (-legacy.EARLY_S + SLACK_S, TAGGED),
        (0, TAGGED),
        (3_600 - SLACK_S, TAGGED),
        (3_600 + SLACK_S + 1, PLAIN),
    ],
)
def test_it_explains_nothing_before_its_time_and_then_for_an_hour(lab, offset_s, expected):
    due = Scheduled(lab())
    due.until(offset_s)
    assert due.alerted() == [expected]


@pytest.mark.requirement("SCH-01", "INF-01")
def test_its_tag_says_whence(lab):
    due = Scheduled(lab(), 300)
    assert due.hub.flag() != s.FLAG_PENDING
    due.until(0)
    assert due.alerted() == [TAGGED]
    fields = due.hub.headend.alerts[-1].fields
    assert (fields["source"], fields["window_s"]) == (s.SOURCE_INFERRED, 600)
    assert int.from_bytes(fields["flag_counter"], "big") == due.counter


@pytest.mark.requirement("SCH-01")
def test_an_outage_long_before_is_plain_and_leaves_it_for_its_own(lab):
    due = Scheduled(lab())
    assert due.alerted() == [PLAIN]
    due.until(10)
    assert due.alerted() == [TAGGED]


@pytest.mark.requirement("SCH-02")
@pytest.mark.needs("power-cut")
@pytest.mark.parametrize("how", ["restarts", "watchdog", "power cut", "power cut over its time"])
def test_it_outlives_restarts_and_power_cuts(lab, how):
    due = Scheduled(lab(), 1_800)
    hub = due.hub
    if how == "restarts":
        for _ in range(3):
            hub.restart()
    elif how == "watchdog":
        hub.restart(s.RESTART_WATCHDOG)
    else:
        hub.power_cut(1_900 if how.endswith("time") else 30)
        hub.advance_s(90)
    if due.due_ms > hub.now_ms:
        assert hub.flag() != s.FLAG_PENDING
        due.until(0)
    assert due.alerted() == [TAGGED]


@pytest.mark.requirement("SCH-02", "INF-11")
@pytest.mark.needs("power-cut", "flash-fault")
def test_a_power_cut_while_it_is_written_leaves_no_meter_ahead_of_the_hub(lab):
    for octets in (0, 60, 99, 126, 131, 400):
        hub = lab()
        due_ms = hub.now_ms + 600_000
        heading = legacy.heading(hub, legacy.new_counter(hub))
        gbcs = build.activate(heading, legacy.IMAGE, legacy.now_utc(hub) + 600)
        hub.rig.cut_after_flash_octets(octets)
        hub.headend.relay(gbcs)
        hub.advance_s(1)
        relayed = gbcs in hub.esme.relayed
        hub.power_cut()
        hub.bench.advance(due_ms - hub.now_ms)
        before = len(hub.decisions())
        hub.outage(190)
        decided = hub.decisions()[before:]
        assert decided == [TAGGED] or (decided == [PLAIN] and not relayed), f"after a cut at octet {octets}"


@pytest.mark.requirement("SCH-03")
@pytest.mark.parametrize("restarted", [False, True])
def test_four_wait_and_the_fifth_is_relayed_and_not_kept(lab, restarted):
    hub = lab()
    start_ms = hub.now_ms
    start_utc = legacy.now_utc(hub)
    for hours in (2, 4, 6, 8):
        activate(hub, start_utc + 3_600 * hours)
    activate(hub, start_utc + 3_600)  # one too many: the meter has it, the hub has not
    if restarted:
        hub.restart()
    for hours in (1, 2, 4, 6, 8):
        hub.bench.advance(start_ms + 3_600_000 * hours - hub.now_ms)
        hub.outage(190)
    assert hub.decisions() == [PLAIN, TAGGED, TAGGED, TAGGED, TAGGED]


@pytest.mark.requirement("SCH-04")
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("ends", ["cancelled", "refused"])
def test_cancelled_or_refused_it_never_comes(lab, ends, restarted):
    due = Scheduled(lab(), 1_800)
    if ends == "cancelled":
        legacy.cancel(due.hub)
    else:
        says(due.hub, answered(due.hub, due.counter, 2))
    if restarted:
        due.hub.restart()
    due.until(0)
    assert due.alerted() == [PLAIN]


@pytest.mark.requirement("SCH-04")
def test_a_cancellation_drops_all_that_wait(lab):
    due = Scheduled(lab(), 1_800)
    activate(due.hub, due.due_utc + 3_600)
    legacy.cancel(due.hub)
    due.until(0)
    assert due.alerted() == [PLAIN]
    due.until(3_600)
    assert due.alerted() == [PLAIN]


@pytest.mark.requirement("SCH-04")
def test_a_failure_drops_its_own_and_leaves_the_others(lab):
    due = Scheduled(lab(), 3_600)
    later = activate(due.hub, due.due_utc + 7_200)
    says(due.hub, build.accepted(legacy.heading(due.hub, due.counter).answer()))
    says(due.hub, answered(due.hub, later, 1))
    due.until(0)
    assert due.alerted() == [TAGGED]
    due.until(7_200)
    assert due.alerted() == [PLAIN]


@pytest.mark.requirement("SCH-04", "INF-07")
def test_a_meter_that_says_it_has_failed_before_the_hub_thinks_it_is_time(lab):
    due = Scheduled(lab(), 1_800)
    due.until(-legacy.EARLY_S - SLACK_S)
    says(due.hub, ended(due.hub, due.counter, 3, due.due_utc))
    due.until(0)
    assert due.alerted() == [PLAIN]


# ---- the clock


@pytest.mark.requirement("SCH-05")
def test_without_a_time_it_is_not_pending(lab):
    due = Scheduled(lab(), 600)
    due.hub.headend.tell_time = False
    due.hub.restart()
    due.until(60)
    assert due.hub.flag() != s.FLAG_PENDING
    assert due.alerted() == [PLAIN]


@pytest.mark.requirement("SCH-05")
def test_a_time_that_comes_late_makes_it_pending_for_what_is_left(lab):
    due = Scheduled(lab(), 600)
    due.hub.headend.tell_time = False
    due.hub.restart()
    due.until(900)
    due.hub.headend.tell_time = True
    due.hub.advance_s(60)
    assert due.alerted() == [TAGGED]


@pytest.mark.requirement("SCH-05")
def test_a_clock_that_has_jumped_brings_nothing_forward(lab):
    """The hub asks each 6 h. A time that does not agree with the last makes both doubtful, until the next agrees."""
    due = Scheduled(lab(), 86_400)
    sane = due.hub.headend.clock
    due.hub.headend.clock = lambda ms: sane(ms) + 86_400 - 21_600
    due.hub.bench.wait_for("time request", lambda: len(due.hub.heard("time_request")) > 0, 22_000_000)
    due.hub.advance_s(1)
    assert due.hub.flag() != s.FLAG_PENDING
    due.hub.headend.clock = sane
    due.hub.advance_s(120)
    assert due.alerted() == [PLAIN]
    due.until(0)
    assert due.alerted() == [TAGGED]


@pytest.mark.requirement("SCH-05")
def test_a_clock_that_is_stuck_at_its_time_brings_nothing(lab):
    due = Scheduled(lab(), 86_400)
    due.hub.headend.clock = lambda ms: due.due_utc
    due.hub.restart()
    due.hub.headend.clock = lambda ms: due.due_utc - 7_200  # and from then on it does not move
    due.hub.restart()
    due.hub.advance_s(300)
    assert due.alerted() == [PLAIN]


# ---- what stands in its way


@pytest.mark.requirement("SCH-06")
def test_it_waits_for_the_end_of_an_outage_that_is_open_at_its_time(lab):
    due = Scheduled(lab(), 600)
    due.until(-120)
    due.hub.outage(400)
    due.hub.advance_s(90)
    assert due.hub.decisions() == [PLAIN]
    assert due.alerted() == [TAGGED]


@pytest.mark.requirement("SCH-06")
def test_it_waits_behind_the_meters_own_word(lab):
    due = Scheduled(lab(), 600)
    due.until(-300)
    assert due.hub.declare(300, 600)
    due.until(400)  # that one is over, unused
    assert due.alerted() == [TAGGED]
    assert due.hub.headend.alerts[-1].fields["source"] == s.SOURCE_INFERRED


@pytest.mark.requirement("SCH-07")
@pytest.mark.parametrize(
    ("past_s", "wait_s", "expected"), [(3_000, 500, TAGGED), (3_000, 610, PLAIN), (3_700, 0, PLAIN)]
)
def test_one_whose_time_is_past_lasts_for_what_is_left(lab, past_s, wait_s, expected):
    due = Scheduled(lab(), -past_s)
    if wait_s:
        due.hub.advance_s(wait_s)
    assert due.alerted() == [expected]


@pytest.mark.requirement("SCH-07")
@pytest.mark.needs("power-cut")
def test_a_time_a_century_off_keeps_the_hub_running(lab):
    due = Scheduled(lab(), 300)
    activate(due.hub, 0xEFFFFFFF)
    due.hub.power_cut()
    due.until(0)
    assert due.alerted() == [TAGGED]
    due.hub.advance_s(7_200)
    assert due.alerted() == [PLAIN]
