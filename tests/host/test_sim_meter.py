"""The simulated meter: repeats until it is answered, resynchronises, and never uses a counter twice."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import EUI, HUB, KEY, OTHER, Heard

from chf.wire import schema as s
from chf.wire.codec import type_of
from host_tools.sim.esme import RETRY_MS, TRIES, Esme


def meter(**switches):
    heard = Heard(Esme(EUI, HUB, KEY))
    for name, value in switches.items():
        setattr(heard.peer, name, value)
    return heard


def flag_ack(heard, name="activation_pending", counter=None, **more):
    last = heard.sent[-1][1].fields["counter"] if counter is None else counter.to_bytes(8, "big")
    heard.says("flag_ack", **{"esme": EUI, "hub": HUB, "type": type_of(name), "counter": last, **more})


def flag_refusal(heard, reason, name="activation_pending", floor=0, nonce=bytes(8)):
    fields = {"esme": EUI, "hub": HUB, "type": type_of(name), "counter": heard.sent[-1][1].fields["counter"]}
    heard.says("flag_refusal", **fields, reason=reason, floor=floor.to_bytes(8, "big"), nonce=nonce)


def test_a_message_is_repeated_octet_for_octet_until_it_is_answered():
    heard = meter()
    heard.peer.declare(0)
    heard.passes(2 * RETRY_MS + 1)
    assert [at for at, _ in heard.sent] == [0, RETRY_MS, 2 * RETRY_MS] and len(set(heard.contents)) == 1
    flag_ack(heard)
    assert heard.peer.outstanding is None and len(heard.peer.acked) == 1
    heard.passes(100 * RETRY_MS)
    assert len(heard.sent) == 3


def test_it_gives_up_after_its_tries():
    heard = meter()
    heard.peer.declare(0)
    heard.passes(100 * RETRY_MS)
    assert len(heard.sent) == TRIES and heard.peer.outstanding is None and heard.peer.acked == []


def test_only_the_answer_to_this_message_counts():
    heard = meter()
    heard.peer.cancel(0)
    heard.peer.declare(0)
    flag_ack(heard, "activation_cancel", counter=1)
    flag_ack(heard, "activation_cancel", counter=2)
    flag_ack(heard, "activation_pending", counter=1)
    heard.says("flag_ack", key=OTHER, esme=EUI, hub=HUB, type=0x10, counter=bytes(7) + b"\x02")
    assert heard.peer.acked == [] and heard.peer.outstanding is not None
    flag_ack(heard, "activation_pending", counter=2)
    assert len(heard.peer.acked) == 1


def test_a_counter_below_the_floor_is_raised_above_it():
    heard = meter()
    heard.peer.declare(0)
    flag_refusal(heard, s.REFUSED_COUNTER, floor=70)
    heard.passes(RETRY_MS)
    assert [int.from_bytes(frame.fields["counter"], "big") for _, frame in heard.sent] == [1, 71]
    flag_ack(heard)
    assert len(heard.peer.acked) == 1 and len(heard.peer.refused) == 1


def test_a_floor_below_the_counter_does_not_lower_it():
    heard = meter()
    heard.peer.counter = 50
    heard.peer.declare(0)
    flag_refusal(heard, s.REFUSED_COUNTER, floor=3)
    heard.passes(RETRY_MS)
    assert [int.from_bytes(frame.fields["counter"], "big") for _, frame in heard.sent] == [51, 52]


def test_a_hub_that_has_lost_its_counters_is_synchronised_by_its_nonce():
    heard = meter()
    heard.peer.declare(0)
    flag_refusal(heard, s.REFUSED_UNSYNCED, nonce=b"freshone")
    heard.passes(RETRY_MS)
    assert heard.names() == ["activation_pending", "counter_sync", "activation_pending"]
    assert heard.sent[1][1].fields["nonce"] == b"freshone"
    assert [frame.fields["counter"][-1] for _, frame in heard.sent] == [1, 2, 3]


@pytest.mark.parametrize("reason", [s.REFUSED_PEER, s.REFUSED_RANGE, s.REFUSED_BUSY, s.REFUSED_STORE])
def test_any_other_refusal_is_final(reason):
    heard = meter()
    heard.peer.declare(0)
    flag_refusal(heard, reason)
    heard.passes(100 * RETRY_MS)
    assert len(heard.sent) == 1 and heard.peer.outstanding is None


ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["declare", "cancel", "complete", "ack", "pass"]).map(lambda name: (name,)),
        st.tuples(
            st.just("refuse"),
            st.sampled_from([s.REFUSED_COUNTER, s.REFUSED_UNSYNCED, s.REFUSED_BUSY]),
            st.integers(0, 3) | st.integers(0, 300) | st.sampled_from([2**40, 2**63]),
            st.binary(min_size=8, max_size=8),
        ),
    ),
    max_size=25,
)


@given(ACTIONS)
def test_no_counter_ever_stands_in_two_messages_and_each_ends(actions):
    heard = meter()
    for what, *more in actions:
        outstanding = heard.peer.outstanding
        if what in ("declare", "cancel", "complete"):
            getattr(heard.peer, what)(heard.now)
        elif what == "pass":
            heard.passes(RETRY_MS)
        elif outstanding is not None and what == "ack":
            flag_ack(heard, outstanding[0], int.from_bytes(outstanding[1]["counter"], "big"))
            assert heard.peer.outstanding is None
        elif outstanding is not None:
            reason, floor, nonce = more
            flag_refusal(heard, reason, outstanding[0], floor, nonce)
    heard.passes(10 * TRIES * RETRY_MS)
    assert heard.peer.outstanding is None
    first = {}
    for octets, (_, frame) in zip(heard.contents, heard.sent, strict=True):
        assert first.setdefault(frame.fields["counter"], octets) == octets, "one counter, one message"
    assert list(first) == sorted(first), "counters rise"
    for _, copies in itertools.groupby(heard.contents):
        assert len(list(copies)) <= TRIES
