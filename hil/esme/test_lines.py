"""Hostile lines: the meter says nothing that it need not, frames well, and gets its activation through."""

import random

import pytest

from chf.wire import schema as s
from hil import lines
from hil.esme.meter import DECLARE_MS, LATE_MS, REPEATS
from hil.suite import Unmet
from host_tools import frames

IDLE_S = 20
FLAG = 0x7E


def brought_through(lab, **tamper):
    """Whether an activation over that line comes from its trigger to the acknowledgement of its report; tamper: what
    the line does to the octets that go to_hub, to_meter. Raises Unmet where it would not on a good line either.
    """
    meter = lab()
    for way, spoil in tamper.items():
        meter.bench.tamper[s.LINK_HAN, way == "to_hub"] = spoil
    meter.trigger()
    meter.wait(DECLARE_MS, lambda: bool(meter.said()) or meter.lost())
    if not meter.said():
        meter.await_declaration()

    def told(name="activation_complete"):
        return any(one.name == name for _, one in meter.hub.acked)

    if meter.wait(3 * LATE_MS + 1_000 * meter.said()[-1].fields["valid_s"], told):
        return True
    if not told("activation_pending") and len(meter.said()) < REPEATS:
        raise Unmet("RTY-01", "It stopped repeating activation_pending before it was answered.")
    lab().activated()  # the control
    return False


# ---- silence


def _unasked(meter):
    """Frames that a meter at rest need not answer, by what they are."""
    hub = meter.hub
    names = {"esme": meter.esme, "hub": meter.hub_eui, "counter": (1 << 40).to_bytes(8, "big")}
    sealed = {"key": hub.key, "marked": True}
    refusal = {**names, "floor": (1 << 50).to_bytes(8, "big"), "nonce": b"unasked."}
    ack = frames.build("flag_ack", {**names, "type": "activation_pending"}, **sealed)
    made = {
        "acknowledgement": ack,
        "bad MAC": ack[:-1] + bytes((ack[-1] ^ 1,)),
        "cut short": ack[:-20],
        "another version": b"\x02" + ack[1:],
        "an echo": frames.build("activation_cancel", names, **sealed),
        "unknown type": bytes((ack[0], ack[1], 0x3F)) + ack[3:],
        "not marked": frames.build("flag_ack", {**names, "type": "activation_pending"}, key=hub.key),
        "a command of the WAN": frames.build("set_policy", {"counter": bytes(8), "policy": 1}, **sealed),
        "a hub's bench": frames.build("identify", {}),
        "octets alone": random.Random(1).randbytes(200),
    }
    for reason in (s.REFUSED_COUNTER, s.REFUSED_UNSYNCED, s.REFUSED_NONCE, s.REFUSED_BUSY):
        for name in ("activation_pending", "counter_sync"):
            fields = {**refusal, "type": name, "reason": reason}
            made[f"refusal {reason} of {name}"] = frames.build("flag_refusal", fields, **sealed)
    return made


@pytest.mark.requirement("LIN-01")
def test_what_was_not_asked_is_not_answered(lab):
    meter = lab()
    for what, content in _unasked(meter).items():
        meter.line.write("han", frames.to_wire(content))
        meter.advance_s(1)
        assert not meter.bench.capture, f"it has answered: {what}"
    meter.line.write("han", random.Random(2).randbytes(4_000))
    meter.advance_s(IDLE_S)
    assert not meter.bench.capture, "it has answered noise"


# ---- an activation over a bad line

ACTIVATES = pytest.mark.needs("activate")


@ACTIVATES
@pytest.mark.requirement("LIN-02")
@pytest.mark.parametrize("way", ["to_hub", "to_meter"])
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("spoil", [lines.lost, lines.doubled], ids=["lost", "doubled"])
def test_one_frame_is_lost_or_doubled(lab, spoil, index, way):
    assert brought_through(lab, **{way: lines.only(index, spoil)})


@ACTIVATES
@pytest.mark.requirement("LIN-02")
def test_frames_come_in_another_order(lab):
    assert brought_through(lab, to_hub=lines.reordered(), to_meter=lines.reordered())


@ACTIVATES
@pytest.mark.requirement("LIN-02")
def test_every_frame_is_doubled(lab):
    assert brought_through(lab, to_meter=lines.doubled)


@ACTIVATES
@pytest.mark.requirement("LIN-04")
@pytest.mark.parametrize("spoil", [lines.cut, lines.corrupted], ids=["cut", "corrupted"])
@pytest.mark.parametrize("index", [0, 1])
def test_one_answer_is_cut_or_corrupted(lab, spoil, index):
    assert brought_through(lab, to_meter=lines.only(index, spoil))


@ACTIVATES
@pytest.mark.requirement("LIN-04")
@pytest.mark.parametrize(
    "tamper",
    [
        lines.singly,
        lines.sprinkled,
        lines.noisy(3),
        lambda octets: [b"\x7e\x7e\x7e" + octets],
        lambda octets: [b"MicroPython v1.29\r\n>>> " + octets],
        lambda octets: [octets[:-1], b"\x7e\x7d\x7e" + octets[:5] + b"\x7d", b"\x7e"],
        lambda octets: [b"\x7e" + b"A" * 4_000, b"\x7e" + octets],
    ],
    ids=["singly", "control octets", "noise", "flags", "a prompt", "aborts", "too long"],
)
def test_octets_stand_between_and_within_the_answers(lab, tamper):
    assert brought_through(lab, to_meter=tamper)


@ACTIVATES
@pytest.mark.requirement("LIN-03")
def test_every_frame_stands_between_flags_and_is_escaped(lab):
    meter = lab()
    meter.activated()
    meter.advance_s(10)
    octets = bytes(meter.line.octets)
    assert octets[0] == octets[-1] == FLAG
    frames_said = [piece for piece in octets.split(bytes((FLAG,))) if piece]
    assert len(frames_said) >= 2
    for piece in frames_said:
        assert min(piece) >= 0x20, "an octet below 0x20 stands bare"
        assert frames.Deframer().feed(b"\x7e" + piece + b"\x7e"), "it does not end in its FCS"
