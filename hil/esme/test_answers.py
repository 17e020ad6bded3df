"""What is no answer: the meter goes on repeating as if nothing had come, its supply and its counter as they were."""

import pytest

from chf.wire import schema as s
from hil.esme.meter import REPEATS, REPEATS_MS
from hil.suite import Unmet
from host_tools import frames

pytestmark = pytest.mark.needs("activate")
OTHER_KEY = bytes(range(100, 132))
OTHER_EUI = bytes.fromhex("02005e10000000ff")


def acknowledgement(hub, said):
    """The content that would be one."""
    names = {"esme": said.fields["esme"], "hub": said.fields["hub"]}
    fields = {**names, "type": said.name, "counter": said.fields["counter"]}
    return frames.build("flag_ack", fields, key=hub.key, marked=True)


def goes_in_silence(lab):
    """The control: whether such a meter interrupts the supply though nothing answers it at all."""
    meter = lab()
    meter.hub.mood = meter.hub.silent
    meter.trigger()
    meter.await_declaration()
    return meter.wait(REPEATS_MS, meter.lost)


def answered(lab, mood):
    """The meter declares, and each copy is answered so: that must be no answer."""
    meter = lab()
    meter.hub.mood = lambda said: mood(meter.hub, said)
    meter.trigger()
    first = meter.await_declaration()

    def over():
        return len(meter.repeats(first)) >= REPEATS or meter.lost() or len(meter.messages_said()) > 1

    meter.wait(REPEATS_MS, over)
    if meter.lost() and goes_in_silence(lab):
        raise Unmet("DEC-02", "The supply went, and it would have gone without any answer too.")
    assert not meter.lost(), "the supply went: it was taken for an acknowledgement"
    others = [(one.name, one.counter) for one in meter.messages_said() if one.content != first.content]
    assert not others, f"it was taken for an answer: {others} came"
    if len(meter.repeats(first)) < REPEATS:
        if meter.sees:
            raise Unmet("RTY-01", "It stopped repeating activation_pending before it was answered.")
        raise AssertionError("it stopped repeating: it was taken for an answer")


@pytest.mark.requirement("ACK-01")
def test_an_acknowledgement_under_another_key(lab):
    answered(lab, lambda hub, said: hub.ack(said, key=OTHER_KEY))


@pytest.mark.requirement("ACK-01")
@pytest.mark.parametrize("bit", [0, 64, 127])
def test_an_acknowledgement_with_one_bit_of_its_mac_turned(lab, bit):
    def mood(hub, said):
        content = bytearray(acknowledgement(hub, said))
        content[-s.MAC_LEN + bit // 8] ^= 1 << bit % 8
        hub.transmit(bytes(content))

    answered(lab, mood)


@pytest.mark.requirement("ACK-02")
@pytest.mark.parametrize("by", [-1, 1, 1 << 32])
def test_an_acknowledgement_of_another_counter(lab, by):
    answered(lab, lambda hub, said: hub.ack(said, counter=(said.counter + by).to_bytes(8, "big")))


@pytest.mark.requirement("ACK-03")
@pytest.mark.parametrize("who", ["esme", "hub"])
def test_an_acknowledgement_for_another_meter_or_of_another_hub(lab, who):
    answered(lab, lambda hub, said: hub.ack(said, **{who: OTHER_EUI}))


@pytest.mark.requirement("ACK-04")
@pytest.mark.parametrize("name", ["activation_complete", "activation_cancel", "counter_sync"])
def test_an_acknowledgement_of_another_type(lab, name):
    answered(lab, lambda hub, said: hub.ack(said, type=name))


@pytest.mark.requirement("ACK-05")
def test_an_acknowledgement_without_the_bench_mark(lab):
    answered(lab, lambda hub, said: hub.ack(said, marked=False))


@pytest.mark.requirement("ACK-05")
@pytest.mark.parametrize("flip", [s.FROM_HUB, s.LINK_HAN ^ s.LINK_WAN, 0x20], ids=["direction", "link", "reserved bit"])
def test_an_acknowledgement_to_another_address(lab, flip):
    def mood(hub, said):
        content = acknowledgement(hub, said)
        body = content[:1] + bytes((content[1] ^ flip,)) + content[2 : -s.MAC_LEN]
        hub.transmit(body + hub.key.tag(body))

    answered(lab, mood)


@pytest.mark.requirement("ACK-06")
@pytest.mark.parametrize("reason", [s.REFUSED_COUNTER, s.REFUSED_UNSYNCED], ids=["counter", "unsynced"])
@pytest.mark.parametrize(
    "changes",
    [{"key": OTHER_KEY}, {"type": "activation_cancel"}, {"counter": bytes(8)}, {"marked": False}],
    ids=["key", "type", "counter", "mark"],
)
def test_a_refusal_that_is_none(lab, reason, changes):
    floor = (1 << 62).to_bytes(8, "big")
    answered(lab, lambda hub, said: hub.refuse(said, reason, floor=floor, **changes))
