"""Counters: one for each message, rising, never again, whatever happens to the meter's own power."""

import pytest

from hil.esme.meter import REPEATS_MS
from hil.suite import Unmet

pytestmark = pytest.mark.needs("activate")
OVER_MS = 1_500_000  # an activation whose meter has lost its power is over by then, a deferral included
CUT_S = 90  # what was said before is not repeated after: 60 s are over
STAGES = ("before it declares", "declared", "acknowledged", "in the interruption", "reporting")


def judge(meter):
    """No counter in two messages; each message's first copy above all before."""
    counters = [one.counter for one in meter.messages_said()]
    assert counters and counters[0] >= 1
    assert counters == sorted(set(counters)), "a counter was used twice, or one fell"


def reported(meter):
    """Whether the hub has acknowledged how the activation ended."""
    return any(one.name == "activation_complete" for _, one in meter.hub.acked)


def cut_at(meter, stage):
    """An activation whose meter loses its own power at that stage, and gets it back."""
    hub = meter.hub
    meter.trigger()
    if stage == "before it declares":
        meter.cut_mains(CUT_S)
        return
    hub.mood = hub.silent if stage == "declared" else hub.as_it_must
    meter.await_declaration()
    if stage == "acknowledged":
        meter.wait(REPEATS_MS, lambda: bool(hub.acked))
    elif stage in STAGES[3:] and meter.sees:
        meter.await_loss()
    if stage == "reporting":
        if meter.sees:
            meter.await_back()
        hub.mood = hub.silent
        meter.await_report()
    meter.cut_mains(CUT_S)
    hub.mood = hub.as_it_must


@pytest.mark.requirement("CTR-01")
def test_each_message_has_its_own_counter(lab):
    meter = lab()
    meter.hub.floor = 500
    meter.activated()
    meter.wait(REPEATS_MS, lambda: False)
    meter.activated()
    judge(meter)


@pytest.mark.requirement("CTR-02")
@pytest.mark.needs("mains-cut")
@pytest.mark.parametrize("stage", STAGES)
def test_no_counter_is_used_twice_over_a_power_cut(lab, stage):
    meter = lab()
    cut_at(meter, stage)
    before = {one.counter for one in meter.said()}
    heard = len(meter.hub.said)
    meter.wait(OVER_MS, lambda: reported(meter))
    if not meter.messages_said():
        meter.activated()
    judge(meter)
    again = {one.counter for one in meter.hub.said[heard:] if one.name == "activation_pending"} & before
    assert not again, "a declaration has a counter that was used before the power cut"


@pytest.mark.requirement("CTR-03")
def test_the_floor_of_a_hub_that_knows_none_is_not_taken(lab):
    meter = lab()
    hub = meter.hub
    floor = 1 << 62
    hub.unsynced, hub.floor = True, floor
    meter.trigger()
    first = meter.await_declaration()
    sync = meter.await_sync(first)
    assert sync.counter < floor


@pytest.mark.requirement("PWR-01")
@pytest.mark.needs("mains-cut", "supply-sense")
@pytest.mark.parametrize("stage", STAGES[:3])
def test_after_a_power_cut_no_interruption_without_a_flag(lab, stage):
    meter = lab()
    cut_at(meter, stage)
    meter.wait(OVER_MS, meter.lost)
    if any(meter.uncovered(gap.lost_ms) for gap in meter.gaps()):
        control = lab()
        control.activated()
        for gap in control.gaps():
            why = control.uncovered(gap.lost_ms)
            if why is not None:
                raise Unmet(why, "The hub's flag does not cover the interruption, with or without a power cut.")
        raise AssertionError("the hub's flag was over")


@pytest.mark.requirement("PWR-02")
@pytest.mark.needs("mains-cut", "supply-sense")
def test_a_power_cut_in_the_interruption_does_not_lose_the_report(lab):
    meter = lab()
    cut_at(meter, "in the interruption")
    if not meter.wait(OVER_MS, lambda: reported(meter)):
        lab().activated()  # the control: Unmet END-01 where it reports nothing at all
        raise AssertionError("the hub is not told how it ended")


@pytest.mark.requirement("PWR-02")
@pytest.mark.needs("mains-cut")
def test_a_power_cut_while_it_reports_does_not_lose_the_report(lab):
    meter = lab()
    cut_at(meter, "reporting")
    assert meter.wait(OVER_MS, lambda: reported(meter)), "the hub is not told how it ended"
