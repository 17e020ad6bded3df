"""Refusals: the meter takes what they say, leaves the supply alone, and in the end no hub keeps it from an update."""

import itertools

import pytest

from chf.wire import schema as s
from hil.esme.meter import REPEATS_MS, REPORT_MS
from hil.suite import Unmet

pytestmark = pytest.mark.needs("activate")
AT_ONCE_MS = 5_000
DEFER_MS = 15 * 60_000
SAME_MS = 60_000  # two messages no further apart than a message is repeated belong to one declaration
HOUR_MS = 3_600_000
HAMMERING = 50  # messages within SAME_MS: they do not end
FAILED = 8
FOR_GOOD = ("silent", "busy", "store", "peer", "counter", "unsynced", "nonce")


def hammering(meter):
    """Whether messages come and come."""
    last = meter.hub.said[-HAMMERING:]
    return len(last) == HAMMERING and last[-1].at_ms - last[0].at_ms < SAME_MS


def refusing(hub, how):
    """A mood that refuses each declaration so, for good; reports are taken."""
    reasons = {"busy": s.REFUSED_BUSY, "store": s.REFUSED_STORE, "peer": s.REFUSED_PEER, "range": s.REFUSED_RANGE}
    reasons |= {"counter": s.REFUSED_COUNTER, "unsynced": s.REFUSED_UNSYNCED, "nonce": s.REFUSED_UNSYNCED}

    def mood(said):
        if said.name in ("activation_complete", "activation_cancel"):
            hub.ack(said)
        elif said.name == "counter_sync":
            hub.refuse(said, s.REFUSED_NONCE) if how == "nonce" else hub.ack(said)
        elif how == "counter":
            hub.refuse(said, s.REFUSED_COUNTER, floor=said.fields["counter"])
        elif how != "silent":
            hub.refuse(said, reasons[how])

    return mood


# ---- the counter


@pytest.mark.requirement("REF-01")
@pytest.mark.parametrize("ahead", [0, 1, 1_000, 1 << 40])
def test_a_counter_that_is_refused_is_raised_above_the_floor_at_once(lab, ahead):
    meter = lab()
    hub = meter.hub
    meter.trigger()
    hub.mood = lambda said: None
    first = meter.await_declaration()
    floor = first.counter + ahead
    hub.floor = floor
    hub.mood = hub.as_it_must
    hub.refuse(first, s.REFUSED_COUNTER)
    again = meter.await_again(first, AT_ONCE_MS, "REF-01")
    assert again.name == "activation_pending" and again.counter > floor


@pytest.mark.requirement("REF-01")
def test_a_floor_below_its_own_counter_does_not_lower_it(lab):
    meter = lab()
    meter.hub.floor = 1_000_000
    meter.trigger()
    meter.await_declaration()
    meter.wait(REPEATS_MS, lambda: bool(meter.hub.acked))
    first = meter.messages_said()[-1]
    refused: list = []

    def once(said):
        if said.name == "activation_pending" or refused:
            meter.hub.ack(said)
        else:
            refused.append(said)
            meter.hub.refuse(said, s.REFUSED_COUNTER, floor=bytes(8))

    meter.hub.mood = once
    if meter.sees:
        meter.await_loss()
        meter.await_back()
    report = meter.await_report()
    again = meter.await_again(report, AT_ONCE_MS, "REF-01")
    assert again.name == "activation_complete" and again.counter > report.counter > first.counter


@pytest.mark.requirement("REF-01")
@pytest.mark.needs("hours")
def test_a_counter_that_is_refused_for_good_is_deferred(lab):
    meter = lab()
    meter.hub.mood = refusing(meter.hub, "counter")
    meter.trigger()
    meter.await_declaration()
    meter.wait(DEFER_MS - SAME_MS, lambda: meter.lost() or hammering(meter))
    assert not meter.lost()
    assert 2 <= len(meter.messages_said()) <= 4, "it is sent again at most 3 times"


# ---- synchronisation


@pytest.mark.requirement("REF-02")
def test_an_unsynced_hub_gets_its_nonce_and_then_the_declaration(lab):
    meter = lab()
    hub = meter.hub
    hub.unsynced, hub.nonce = True, b"a nonce."
    meter.trigger()
    first = meter.await_declaration()
    sync = meter.await_sync(first)
    assert sync.fields["nonce"] == hub.nonce and sync.counter > first.counter
    again = meter.await_again(sync, AT_ONCE_MS, "REF-02")
    assert again.name == "activation_pending" and again.counter > sync.counter
    assert meter.wait(REPEATS_MS, lambda: any(one.name == again.name for _, one in hub.acked))


@pytest.mark.requirement("REF-02")
def test_a_synchronisation_that_is_not_answered_is_repeated(lab):
    meter = lab()
    hub = meter.hub
    hub.unsynced = True
    hub.mood = lambda said: (
        None if said.name == "counter_sync" and len(meter.repeats(said)) < 3 else hub.as_it_must(said)
    )
    meter.trigger()
    sync = meter.await_sync(meter.await_declaration())
    if not meter.wait(REPEATS_MS, lambda: len(meter.repeats(sync)) >= 3):
        raise Unmet("RTY-01", "It stopped repeating counter_sync before it was answered.")
    assert meter.await_again(sync, AT_ONCE_MS, "REF-02").name == "activation_pending"


@pytest.mark.requirement("REF-02")
def test_a_report_to_an_unsynced_hub_is_synchronised_too(lab):
    meter = lab()
    hub = meter.hub
    hub.mood = lambda said: hub.as_it_must(said) if said.name == "activation_pending" else None
    report = meter.activated()
    hub.unsynced = True
    hub.mood = hub.as_it_must
    hub.refuse(report, s.REFUSED_UNSYNCED)
    again = meter.await_again(meter.await_sync(report), AT_ONCE_MS, "REF-02")
    assert again.name == "activation_complete"


@pytest.mark.requirement("REF-03")
def test_a_nonce_that_is_refused_ends_the_synchronisation(lab):
    meter = lab()
    hub = meter.hub

    def mood(said):
        if said.name == "counter_sync":
            hub.refuse(said, s.REFUSED_NONCE)
        elif len(meter.messages_said("activation_pending")) == 1:
            hub.refuse(said, s.REFUSED_UNSYNCED)
        else:
            hub.ack(said)

    hub.mood = mood
    meter.trigger()
    sync = meter.await_sync(meter.await_declaration())
    again = meter.await_again(sync, AT_ONCE_MS, "REF-03")
    assert again.name == "activation_pending" and again.counter > sync.counter


# ---- to defer


@pytest.mark.requirement("REF-04")
@pytest.mark.needs("hours")
@pytest.mark.parametrize("how", ["silent", "busy", "store"])
def test_it_defers_and_declares_anew(lab, how):
    meter = lab()
    meter.hub.mood = refusing(meter.hub, how)
    meter.trigger()
    first = meter.await_declaration()
    meter.wait(24 * HOUR_MS, lambda: len(meter.messages_said()) > 1 or meter.lost())
    if meter.lost():
        raise Unmet("DEC-02", "The supply went without an acknowledgement.")
    assert len(meter.messages_said()) > 1, "it never declared again"
    again = meter.messages_said()[1]
    assert again.name == "activation_pending" and again.counter > first.counter
    assert again.at_ms - meter.repeats(first)[-1].at_ms >= DEFER_MS - meter.slack_ms


@pytest.mark.requirement("REF-05")
@pytest.mark.needs("hours")
@pytest.mark.parametrize("how", ["peer", "range"])
def test_what_does_not_fit_is_not_repeated(lab, how):
    meter = lab()
    meter.hub.mood = refusing(meter.hub, how)
    meter.trigger()
    first = meter.await_declaration()
    meter.wait(DEFER_MS - SAME_MS, meter.lost)
    assert not meter.lost()
    same = [one for one in meter.said()[1:] if how == "peer" or _durations(one) == _durations(first)]
    assert not same


def _durations(said):
    return said.fields["expected_outage_s"], said.fields["valid_s"]


# ---- no hub blocks an update


def refused_for_good(lab, how):
    """The meter under a hub that never takes a declaration, until it goes or 25 h are over: (meter, declarations)."""
    meter = lab()
    meter.hub.mood = refusing(meter.hub, how)
    meter.trigger()
    first = meter.await_declaration()
    meter.wait(first.at_ms + 25 * HOUR_MS - meter.now_ms, lambda: meter.lost() or hammering(meter))
    times = [one.at_ms for one in meter.hub.said if one.name in ("activation_pending", "counter_sync")]
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    blamed = "REF-05" if how == "peer" else "REF-01" if how == "counter" else "REF-04"
    soon = any(SAME_MS + meter.slack_ms < one < DEFER_MS - SAME_MS for one in apart)
    if soon or hammering(meter):
        raise Unmet(blamed, "It did not defer by 15 min.")
    return meter, first, 1 + sum(one > SAME_MS + meter.slack_ms for one in apart)


@pytest.mark.requirement("REF-06")
@pytest.mark.needs("hours", "supply-sense")
@pytest.mark.parametrize("how", FOR_GOOD)
def test_it_goes_undeclared_only_after_eight_failures_or_a_day(lab, how):
    meter, first, declarations = refused_for_good(lab, how)
    if meter.lost() and how == "silent" and declarations == 1:
        raise Unmet("DEC-02", "The supply went without an acknowledgement.")
    for gap in meter.gaps():
        assert declarations >= FAILED or gap.lost_ms - first.at_ms >= 24 * HOUR_MS - meter.slack_ms


@pytest.mark.requirement("REF-07")
@pytest.mark.needs("hours", "supply-sense")
@pytest.mark.parametrize("how", FOR_GOOD)
def test_no_hub_blocks_an_update_for_more_than_a_day(lab, how):
    meter, _, declarations = refused_for_good(lab, how)
    assert meter.lost(), f"after {declarations} declarations in 25 h the update has not been activated"


@pytest.mark.requirement("END-05")
@pytest.mark.needs("hours", "supply-sense")
def test_an_activation_that_was_not_declared_is_reported(lab):
    meter, _, _ = refused_for_good(lab, "busy")
    if not meter.lost():
        raise Unmet("REF-07", "In 25 h the update has not been activated.")
    meter.await_back()
    if not meter.wait(REPORT_MS, lambda: bool(meter.said("activation_complete"))):
        lab().activated()  # the control: Unmet END-01 where it reports nothing at all
        raise AssertionError("the hub is not told how it ended")
