"""The bench: time, deadlines, capture and tampering on a line of its own; and a testbed around a virtual hub."""

from __future__ import annotations

import pytest
from rigs import ended, needs_vm

from chf.wire import schema as s
from chf.wire.auth import Key
from host_tools import frames
from host_tools.bench import ANSWER_MS, Bench, Captured
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError
from host_tools.sim.esme import Esme
from host_tools.sim.headend import HeadEnd
from host_tools.testbed import Testbed, virtual
from host_tools.virtual.supply import Supply

SECRET = bytes(range(32))
IDENTITY = {"strapped": 1, "hub": bytes(8), "esme": bytes(8), "epoch": bytes(4), "boot": 1, "text": b"a hub"}
LINK_INDEX = {"han": 0, "wan": 1, "bench": 2}


class Line:
    """A line with time of its own. script: {ms: [(link index, octets)]}, what comes from the hub and when."""

    def __init__(self, script=None):
        self.now_ms = 0
        self.script = dict(script or {})
        self.written = []
        self.answer = None  # called with what is written; returns what comes back 1 ms later

    def write(self, link, octets):
        self.written.append((self.now_ms, link, octets))
        said = self.answer(link, octets) if self.answer else None
        if said is not None:
            self.script.setdefault(self.now_ms + 1, []).append(said)

    def step(self, until_ms):
        """Time passes to the next thing that the hub says."""
        due = [at for at in self.script if self.now_ms <= at <= until_ms]
        if not due:
            self.now_ms = max(self.now_ms, until_ms)
            return []
        self.now_ms = max(self.now_ms, min(due))
        return self.script.pop(min(due))


def wire(name, fields, **options):
    return frames.to_wire(frames.build(name, fields, **options))


def answering(link, octets):
    return (2, wire("identity", IDENTITY)) if link == "bench" else None


def notes(peer):
    """A peer that keeps when it was given what."""
    peer.seen = []
    peer.on_frame = lambda content, now_ms: peer.seen.append((now_ms, content))
    return peer


# ---- Time


def test_time_goes_exactly_as_far_as_asked():
    line = Line()
    bench = Bench(line, [])
    assert bench.advance(1_234) is False and bench.now_ms == 1_234
    assert bench.advance(0) is False and bench.now_ms == 1_234


def test_what_the_hub_says_is_given_to_its_link_s_peers_at_its_time():
    identity = wire("identity", IDENTITY)
    up = frames.build("gbcs_up", {"gbcs": b"x"}, key=SECRET, marked=True)
    octets = frames.to_wire(up)
    line = Line({100: [(1, octets[:7])], 250: [(1, octets[7:]), (2, identity)]})
    wan, han = notes(HeadEnd(SECRET)), notes(Esme(bytes(8), bytes(8), SECRET))
    bench = Bench(line, [wan, han])
    bench.advance(1_000)
    assert wan.seen == [(250, up)] and han.seen == []
    assert [(one.at_ms, one.to_hub) for one in bench.capture] == [(250, False), (250, False)]
    assert bench.capture[0].frame.name == "gbcs_up"


def test_peers_act_when_they_are_due_even_between_the_hub_s_words():
    line = Line({700: [(2, wire("identity", IDENTITY))]})
    acted = []
    peer = HeadEnd(SECRET)
    for at in (900, 300, 300):
        peer.at(at, acted.append)
    bench = Bench(line, [peer])
    bench.advance(1_000)
    assert acted == [300, 300, 900]
    peer.at(500, acted.append)  # already over
    bench.advance(10)
    assert acted[-1] == 1_000


def test_it_stops_as_soon_as_it_is_true():
    line = Line({400: [(2, wire("identity", IDENTITY))]})
    bench = Bench(line, [])
    assert bench.advance(1_000, until=lambda: bool(bench.capture)) is True and bench.now_ms == 400
    assert bench.advance(1_000, until=lambda: True) is True and bench.now_ms == 400
    assert bench.advance(0, until=lambda: False) is False


def test_a_wait_that_is_over_names_what_did_not_come():
    bench = Bench(Line(), [])
    with pytest.raises(BenchError, match=r"^No sign of life within 2\.5 s\.$"):
        bench.wait_for("sign of life", lambda: False, 2_500)
    assert bench.now_ms == 2_500


# ---- Questions


def test_a_question_is_answered_and_both_are_in_the_capture():
    line = Line()
    line.answer = answering
    bench = Bench(line, [])
    assert bench.ask("identify", answer="identity").fields["text"] == b"a hub"
    assert [(one.to_hub, one.frame.name) for one in bench.capture] == [(True, "identify"), (False, "identity")]
    assert line.written == [(0, "bench", wire("identify", {}))]


def test_an_answer_to_an_earlier_question_is_not_taken_for_this_one_s():
    line = Line({0: [(2, wire("bench_ack", {"type": 0x49}))]})
    line.answer = answering
    bench = Bench(line, [])
    bench.advance(1)
    assert bench.ask("identify").name == "identity"


def test_a_hub_that_does_not_answer_is_given_up_after_its_time():
    bench = Bench(Line(), [])
    with pytest.raises(BenchError, match=r"^No answer to 'identify' within 3 s\.$"):
        bench.ask("identify", answer="identity")
    assert bench.now_ms == ANSWER_MS


def test_a_hub_that_runs_faster_still_gets_real_time_to_answer():
    line = Line()
    line.speed = 20
    with pytest.raises(BenchError, match="within 60 s"):
        Bench(line, []).ask("identify")


def test_an_answer_that_is_another_says_which():
    line = Line()
    line.answer = lambda link, octets: (2, wire("bench_refusal", {"type": 0x42, "reason": s.REFUSED_STRAP}))
    with pytest.raises(BenchError, match=r"answered 'state_request' with: .*bench_refusal.*strap"):
        Bench(line, []).ask("state_request", answer="state")


# ---- Hostile lines


def test_a_tampered_line_carries_what_the_tamperer_says_and_the_capture_what_was_sent():
    line = Line()
    bench = Bench(line, [])
    bench.tamper[s.LINK_BENCH, True] = lambda octets: [octets, octets[:3]]
    bench.transmit(s.LINK_BENCH, frames.build("identify", {}))
    bench.transmit(s.LINK_HAN, frames.build("gbcs_from_esme", {"gbcs": b"x"}))
    sent = wire("identify", {})
    assert [octets for _, _, octets in line.written[:2]] == [sent, sent[:3]] and len(line.written) == 3
    assert len(bench.capture) == 2


def test_the_hub_s_words_are_tampered_with_before_anybody_hears_them():
    octets = wire("identity", IDENTITY)
    line = Line({5: [(2, octets)], 6: [(2, octets)], 7: [(2, octets)]})
    bench = Bench(line, [])
    lost = []
    bench.tamper[s.LINK_BENCH, False] = lambda piece: lost.append(piece) or ([] if len(lost) == 2 else [piece])
    bench.advance(10)
    assert [one.at_ms for one in bench.capture] == [5, 7]


def test_noise_from_the_hub_is_no_frame_and_no_exception():
    line = Line({1: [(0, bytes(range(256)) * 3)], 2: [(1, b"~\x01~\x01\x02~" + b"A" * 4_000)], 3: [(2, b"")]})
    bench = Bench(line, [HeadEnd(SECRET), Esme(bytes(8), bytes(8), SECRET)])
    bench.advance(10)
    assert bench.capture == []


def test_a_captured_content_is_parsed_when_it_is_looked_at():
    content = frames.build("identify", {})
    assert Captured(5, True, content).frame.name == "identify"


# ---- The testbed


@pytest.mark.parametrize("strapped", [True, False])
def test_the_peers_have_the_keys_of_the_strap_s_position(strapped):
    identity = new_identity(1)
    bed = Testbed(None, Line(), identity, strapped)
    prefix = "bench_" if strapped else ""
    for peer, name in ((bed.esme, "esme"), (bed.headend, "head_end")):
        assert peer.key.mac(b"x") == Key(bytes.fromhex(identity["keys"][prefix + name])).mac(b"x")
        assert peer.marked == strapped


@needs_vm
@pytest.mark.parametrize("strapped", [True, False])
def test_a_testbed_is_powered_and_settled(strapped):
    with virtual(strapped=strapped, seed=4) as bed:
        names = [one.frame.name for one in bed.bench.capture]
        assert names[:2] == ["time_request", "time_reply"] and bed.rig.powered
        assert bed.declare() is True
        assert bed.bench.ask("identify").fields["strapped"] == int(strapped)
    with virtual(strapped=strapped, seed=4, on=False) as bed:
        assert not bed.rig.powered and bed.bench.capture == []


@needs_vm
def test_options_go_to_the_rig_and_to_the_identity():
    supply = Supply(capacitance_mf=321)
    with virtual(supply=supply, one_cable=True, policy=s.POLICY_SUPPRESS, capacitance_mf=123) as bed:
        assert bed.rig.supply is supply and len(bed.rig.paths) == 1
        assert bed.identity["policy"] == s.POLICY_SUPPRESS == bed.state()["policy"]
        assert bed.identity["capacitance_mf"] == 123
    given = new_identity(9)
    with virtual(identity=given, on=False) as bed:
        assert bed.identity is given


@needs_vm
def test_a_declaration_that_is_not_acknowledged_says_so():
    with virtual(seed=4) as bed:
        bed.bench.tamper[s.LINK_HAN, False] = lambda octets: []
        assert bed.declare() is False
        del bed.bench.tamper[s.LINK_HAN, False]
        assert bed.declare() is True


@needs_vm
def test_an_exception_inside_ends_the_hub():
    with pytest.raises(KeyError), virtual(seed=4) as bed:
        pid = bed.rig._hub._process.pid
        raise KeyError
    assert ended(pid)
    with pytest.raises(KeyError), virtual(identity={"keys": {}}, on=False) as bed:
        pass
