"""The simulated head-end: alerts by itself exactly when it must, acknowledges, and changes keys with the hub."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import EUI, HUB, KEY, ONE, OTHER, TWO, Heard
from rigs import needs_vm

from chf.wire import schema as s
from chf.wire.auth import Key
from host_tools import frames
from host_tools.errors import BenchError
from host_tools.sim.esme import Esme
from host_tools.sim.headend import HELD_GRACE_MS, UTC_START, HeadEnd
from host_tools.testbed import virtual


def head_end(**switches):
    heard = Heard(HeadEnd(KEY))
    for name, value in switches.items():
        setattr(heard.peer, name, value)
    return heard


def own_alerts(heard):
    return [(alert.at_ms, alert.id) for alert in heard.peer.alerts if alert.raised_by == "head-end"]


# ---- The head-end's watch over a held outage


def test_a_held_outage_that_nothing_ends_is_alerted_at_the_window_s_end_once():
    heard = head_end()
    heard.now = 1_000
    heard.says("hold_notice", id=ONE)
    assert heard.sent[0][1].fields == {"id": ONE, "window_s": 400, "accepted": 1}
    heard.passes(30_000)
    heard.says("hold_notice", id=ONE, left_s=170)  # repeated: its answer was lost
    heard.passes(200_000 + HELD_GRACE_MS - 30_001)
    assert own_alerts(heard) == []
    heard.passes(1)
    assert own_alerts(heard) == [(201_000 + HELD_GRACE_MS, ONE)]
    (alert,) = heard.peer.alerts
    assert (alert.level, alert.cause) == (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN)
    heard.says("hold_notice", id=ONE, left_s=1)
    heard.passes(10_000_000)
    assert len(own_alerts(heard)) == 1


@pytest.mark.parametrize(("name", "more"), [("ad1", {}), ("ad1", {"revision": 2}), ("restored", {})])
def test_the_hub_s_own_word_ends_the_watch(name, more):
    heard = head_end()
    heard.says("hold_notice", id=ONE)
    heard.passes(200_000 + HELD_GRACE_MS - 1)
    heard.says(name, id=ONE, **more)
    heard.passes(1_000_000)
    assert own_alerts(heard) == []


def test_another_outage_s_word_a_forged_one_and_one_not_heard_do_not():
    heard = head_end()
    heard.says("hold_notice", id=ONE)
    heard.says("restored", id=TWO)
    heard.says("restored", id=ONE, key=OTHER)
    heard.peer.online = False
    heard.says("restored", id=ONE)
    heard.passes(1_000_000)
    assert own_alerts(heard) == [(200_000 + HELD_GRACE_MS, ONE)]
    assert heard.peer.unauthentic == 1


@pytest.mark.parametrize(("accepts", "answers"), [(False, [0]), (None, [])])
def test_a_notice_that_is_not_taken_is_not_watched(accepts, answers):
    heard = head_end(accept_hold=accepts)
    heard.says("hold_notice", id=ONE)
    heard.passes(1_000_000)
    assert [frame.fields["accepted"] for _, frame in heard.sent] == answers
    assert heard.peer.alerts == [] and heard.peer.watches == {}


HUB_WORDS = st.lists(
    st.tuples(
        st.sampled_from(["hold_notice", "ad1", "restored", "nothing"]),
        st.sampled_from([ONE, TWO]),
        st.sampled_from([0, 1, 1_000, 99_000, 100_000 + HELD_GRACE_MS]),
        st.sampled_from([True, True, False]),
    ),
    max_size=10,
)


@given(HUB_WORDS)
def test_it_alerts_by_itself_exactly_when_it_has_taken_the_watch_and_heard_no_more(words):
    heard = head_end()
    until, wanted = {}, []
    for name, outage, after_ms, accepts in words:
        heard.passes(after_ms)
        for each, end in list(until.items()):
            if end is not None and end <= heard.now:
                wanted.append((end, each))
                until[each] = None  # over for good
        heard.peer.accept_hold = accepts
        if name == "hold_notice":
            heard.says(name, id=outage, left_s=100)
            if accepts:
                until.setdefault(outage, heard.now + 100_000 + HELD_GRACE_MS)
        elif name != "nothing":
            heard.says(name, id=outage)
            if outage in until:
                until[outage] = None
    heard.passes(1_000_000)
    wanted += [(end, each) for each, end in until.items() if end is not None]
    assert sorted(own_alerts(heard)) == sorted(wanted)


# ---- The head-end's other duties


def test_an_alert_counts_once_for_each_revision_and_every_copy_is_acknowledged():
    heard = head_end()
    for revision in (1, 1, 2, 1):
        heard.says("ad1", id=ONE, revision=revision)
    heard.says("ad1", id=TWO, revision=1)
    assert [(alert.id, alert.revision) for alert in heard.peer.alerts] == [(ONE, 1), (ONE, 2), (TWO, 1)]
    assert heard.peer.repeats == 2
    assert [(frame.name, frame.fields["revision"]) for _, frame in heard.sent] == [
        ("ad1_ack", revision) for revision in (1, 1, 2, 1, 1)
    ]


@pytest.mark.parametrize("name", ["ad1", "restored", "hold_notice"])
def test_one_that_is_absent_or_slow(name):
    heard = head_end(delay_ms=700)
    heard.says(name, id=ONE)
    assert heard.sent == []
    heard.passes(700)
    assert [at for at, _ in heard.sent] == [700]
    silent = head_end(acknowledge=False, accept_hold=None)
    silent.says(name, id=ONE)
    assert silent.sent == []
    gone = head_end(delay_ms=700)
    gone.says(name, id=ONE)
    gone.peer.online = False
    gone.passes(1_000)
    assert gone.sent == []


def test_the_time_is_told_for_its_nonce_with_the_last_counter():
    heard = head_end()
    heard.now = 5_000
    heard.peer.set_policy(1)
    heard.sent.clear()
    heard.says("time_request", nonce=b"nonce123", epoch=b"abcd", boot=3)
    (_, reply), = heard.sent  # fmt: skip
    assert reply.fields == {"nonce": b"nonce123", "utc": UTC_START + 5, "counter": bytes(7) + b"\x01"}
    heard.says("time_request", nonce=b"nonce124", epoch=b"abcd", boot=3)
    heard.says("time_request", nonce=b"nonce125", epoch=b"abcd", boot=4)
    assert heard.peer.hub_sessions == [(b"abcd", 3), (b"abcd", 4)]
    heard.peer.tell_time = False
    heard.says("time_request", nonce=b"nonce126", epoch=b"abcd", boot=4)
    assert len(heard.sent) == 3


def test_a_refusal_s_floor_is_never_gone_below():
    heard = head_end()
    heard.peer.set_policy(1)
    heard.says("command_refusal", type=0x28, counter=bytes(8), reason=s.REFUSED_COUNTER, floor=(900).to_bytes(8, "big"))
    heard.peer.set_policy(1)
    heard.says("command_refusal", type=0x28, counter=bytes(8), reason=s.REFUSED_COUNTER, floor=(5).to_bytes(8, "big"))
    heard.peer.relay(b"x")
    assert [int.from_bytes(frame.fields["counter"], "big") for _, frame in heard.sent] == [1, 901, 902]


def test_a_counter_that_is_used_up_is_one_sentence():
    heard = head_end()
    heard.says("command_refusal", type=0x28, counter=bytes(8), reason=s.REFUSED_COUNTER, floor=b"\xff" * 8)
    with pytest.raises(BenchError, match=r"counter is used up: .*\.$"):
        heard.peer.set_policy(1)


# ---- Keys


def test_a_rotated_key_counts_from_the_first_frame_that_is_under_it():
    heard = head_end()
    fresh = bytes(reversed(KEY))
    heard.peer.rotate_key(s.PEER_HEAD_END, fresh)
    assert frames.authentic(heard.contents[-1], KEY), "the command itself goes under the old one"
    heard.says("ad1", id=ONE)  # still under the old one
    assert len(heard.peer.alerts) == 1 and frames.authentic(heard.contents[-1], KEY)
    heard.says("ad1", key=OTHER, id=TWO)
    assert heard.peer.unauthentic == 1, "neither the old nor the new"
    heard.says("restored", id=ONE)
    assert len(heard.peer.restorations) == 1, "and the old one still counts"
    heard.says("command_ack", key=fresh, type=0x29, counter=bytes(7) + b"\x01")
    assert heard.peer.answers[-1][1] == "command_ack"
    heard.says("ad1", id=TWO)
    assert heard.peer.unauthentic == 2 and len(heard.peer.alerts) == 1, "the old one is void"
    heard.says("ad1", key=fresh, id=TWO)
    assert frames.authentic(heard.contents[-1], fresh)


def test_the_meter_s_key_is_wrapped_and_the_head_end_s_own_stays():
    heard = head_end()
    secret = bytes(reversed(KEY))
    for send in (lambda: heard.peer.rotate_key(s.PEER_ESME, secret), lambda: heard.peer.exchange_esme(EUI, secret)):
        send()
        fields = heard.sent[-1][1].fields
        assert secret not in heard.contents[-1] and fields["wrapped"] != secret
    wrapped = [frame.fields["wrapped"] for _, frame in heard.sent]
    assert wrapped[0] != wrapped[1], "never the same key stream twice"
    heard.says("ad1", id=ONE)
    heard.says("ad1", id=TWO, key=secret)
    assert len(heard.peer.alerts) == 1


@needs_vm
def test_a_hub_and_its_peers_change_all_keys():
    with virtual(seed=6) as bed:
        fresh = {peer: bytes((peer,)) * 32 for peer in (s.PEER_ESME, s.PEER_HEAD_END)}
        for peer, secret in fresh.items():
            told = len(bed.headend.answers)
            bed.headend.rotate_key(peer, secret)
            bed.bench.wait_for("answer", lambda told=told: len(bed.headend.answers) > told, 3_000)
        assert [name for _, name, _ in bed.headend.answers] == ["command_ack"] * 2
        assert not bed.declare(), "the meter's old key is void"
        bed.esme.key = Key(fresh[s.PEER_ESME])
        bed.rig.cut_power()
        bed.power_on()
        bed.advance_s(90)  # the power cut, which nothing proves short, is alerted and over
        assert bed.declare(), "over a power cut, too"
        assert bed.headend.unauthentic == 0
        bed.headend.set_policy(s.POLICY_ALERT)
        bed.advance_s(1)
        assert bed.state()["policy"] == s.POLICY_ALERT


@given(st.binary(max_size=120), st.booleans())
def test_no_octets_of_the_hub_s_raise(octets, authentic):
    for heard in (head_end(), Heard(Esme(EUI, HUB, KEY))):
        whole = octets + heard.peer.key.tag(octets) if authentic else octets
        heard.peer.on_frame(whole, 0)
        heard.passes(1_000_000)
