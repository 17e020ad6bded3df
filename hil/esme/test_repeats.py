"""Repeats: the same octets, often enough and not too often, one message at a time, until it is answered."""

import itertools

import pytest

from chf.wire import schema as s
from hil.esme.meter import REPEATS, REPEATS_MS
from hil.suite import Unmet

pytestmark = pytest.mark.needs("activate")
LATEST_MS = 60_000


@pytest.mark.requirement("RTY-01")
@pytest.mark.parametrize("name", ["activation_pending", "counter_sync"])
def test_the_same_octets_are_repeated_until_it_is_given_up(lab, name):
    meter = lab()
    hub = meter.hub
    hub.mood = lambda said: hub.refuse(said, s.REFUSED_UNSYNCED) if name != said.name == "activation_pending" else None
    meter.trigger()
    said = meter.await_declaration()
    if name == "counter_sync":
        said = meter.await_sync(said)
    if meter.wait(REPEATS_MS, meter.lost):
        raise Unmet("DEC-02", "The supply went without an acknowledgement.")
    assert len(meter.messages_said(name)) == 1, "a repeat is the very same octets"
    times = [one.at_ms for one in meter.repeats(said)]
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) >= REPEATS
    assert times[-1] - times[0] <= LATEST_MS + meter.slack_ms
    assert all(1_000 - meter.slack_ms <= one <= 5_000 + meter.slack_ms for one in apart), apart


@pytest.mark.requirement("RTY-02")
def test_what_was_acknowledged_is_not_repeated(lab):
    meter = lab()
    meter.activated()
    meter.wait(30_000, lambda: False)
    late = [
        one.name
        for at_ms, acked in meter.hub.acked
        for one in meter.repeats(acked)
        if one.at_ms > at_ms + max(500, meter.slack_ms)
    ]
    assert not late


@pytest.mark.requirement("RTY-03")
def test_one_message_is_outstanding_at_a_time(lab):
    meter = lab()
    hub = meter.hub
    refused: list = []

    def mood(said):
        if len(refused) < 2 and said.content not in refused:
            refused.append(said.content)
            hub.refuse(said, s.REFUSED_COUNTER)
        elif len(meter.repeats(said)) >= 3:
            hub.ack(said)

    hub.mood = mood
    meter.activated()
    meter.wait(30_000, lambda: False)
    runs = [content for content, _ in itertools.groupby(one.content for one in meter.hub.said)]
    assert len(runs) == len(set(runs)), "an earlier message came again after a later one"
