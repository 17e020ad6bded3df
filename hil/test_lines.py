"""Hostile lines: frames lost, doubled, cut, corrupted, reordered, in pieces, in noise; and the GBCS relay over them."""

import pytest

from chf.wire import schema as s
from hil import lines
from hil.hub import drops
from host_tools import frames

WAYS = [(s.LINK_HAN, True), (s.LINK_HAN, False), (s.LINK_WAN, True), (s.LINK_WAN, False)]
WAY_NAMES = ["to-hub-han", "from-hub-han", "to-hub-wan", "from-hub-wan"]


def activation(hub, tampers):
    """The main job over a line that does this to its frames, and what must come of it all the same.

    tampers: (link, to the hub) -> Bench.tamper, in force from the declaration on.
    """
    hub.bench.tamper.update(tampers)
    for _ in range(2):  # a meter that was not answered defers, and declares anew
        if hub.declare(400, 3_600):
            break
    assert hub.answers()[-1] == "ack"
    hub.outage(260)
    hub.report("complete")
    hub.advance_s(120)
    hub.bench.tamper.clear()
    assert len({alert.id for alert in hub.headend.alerts} | set(hub.headend.watches)) == 1
    assert all(alert.level == s.LEVEL_TAGGED for alert in hub.headend.alerts)
    assert hub.lasted() == [260]
    state = hub.state()
    assert (state["queued"], state["flag"]) == (0, s.FLAG_CONFIRMED)


@pytest.mark.requirement("LINE-01")
@pytest.mark.needs("supply")
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("spoil", [lines.lost, lines.doubled, lines.cut, lines.corrupted])
def test_any_single_frame_can_be_spoiled(lab, way, spoil):
    for index in range(4):
        activation(lab(), {way: lines.only(index, spoil)})


@pytest.mark.requirement("LINE-01", "HOLD-08")
@pytest.mark.needs("supply", "journal-image")
@pytest.mark.parametrize("spoil", [lines.lost, lines.doubled, lines.cut, lines.corrupted])
@pytest.mark.parametrize("way", WAYS[2:], ids=WAY_NAMES[2:])
def test_any_single_frame_of_a_held_activation_can_be_spoiled(lab, way, spoil):
    for index in range(3):
        activation(lab(s.POLICY_SUPPRESS), {way: lines.only(index, spoil)})


@pytest.mark.requirement("LINE-07")
@pytest.mark.needs("supply")
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_frames_that_change_places_change_no_outcome(lab, way):
    activation(lab(), {way: lines.reordered()})


@pytest.mark.requirement("LINE-02")
@pytest.mark.needs("supply")
def test_octets_that_come_one_at_a_time_make_the_same_frames(lab):
    hub = lab()
    activation(hub, {(s.LINK_HAN, True): lines.singly, (s.LINK_WAN, True): lines.singly})
    assert drops(hub.state()) == {}


@pytest.mark.requirement("LINE-02")
@pytest.mark.needs("supply")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_between_frames_costs_no_frame(lab, seed):
    activation(lab(), {(s.LINK_HAN, True): lines.noisy(seed), (s.LINK_WAN, True): lines.noisy(seed + 10)})


@pytest.mark.requirement("LINE-02")
@pytest.mark.needs("supply")
def test_control_octets_put_in_by_the_line_are_taken_out(lab):
    hub = lab()
    activation(hub, {(s.LINK_HAN, True): lines.sprinkled, (s.LINK_WAN, True): lines.sprinkled})
    assert drops(hub.state()) == {}


@pytest.mark.requirement("LINE-02")
def test_octets_of_03_neither_stop_nor_restart_the_hub(lab):
    hub = lab()
    before = hub.bench.ask("identify", answer="identity").fields["boot"]
    for link in ("han", "wan", "bench"):
        hub.bench.line.write(link, b"\x03" * 100 + b"\x7e" + b"\x03" * 100)
        hub.advance_s(1)
    assert hub.bench.ask("identify", answer="identity").fields["boot"] == before
    assert hub.declare()


@pytest.mark.requirement("LINE-03")
@pytest.mark.parametrize("octets", [1_535, 2_000, 6_000])
def test_a_frame_that_is_too_long_is_dropped_once(lab, octets):
    hub = lab()
    hub.bench.line.write("han", b"\x7e" + b"\x55" * octets + b"\x55\x55\x7e")
    hub.advance_s(3)
    assert drops(hub.state()) == {"long": 1}
    assert hub.declare()


@pytest.mark.requirement("LINE-04")
def test_each_reason_to_drop_a_frame_is_counted_by_its_name(lab):
    hub = lab()
    good = bytearray(frames.build("gbcs_from_esme", {"gbcs": b"x"}, marked=True))
    state = frames.build("state_request", {})

    def spoilt(at, value):
        return bytes(good[:at]) + bytes((value,)) + bytes(good[at + 1 :])

    sent = {
        "short": [b"\x01", bytes(good[:2])],
        "version": [spoilt(0, 2), spoilt(0, 0)],
        "address": [spoilt(1, good[1] | 0x08), spoilt(1, good[1] | s.FROM_HUB), spoilt(1, s.LINK_RIG)],
        "type": [spoilt(2, 0x00), spoilt(2, 0x7F)],
        "mark": [spoilt(1, s.LINK_HAN)],
        "length": [bytes(good) + bytes(s.GBCS_MAX)],
        "mac": [frames.build("activation_cancel", _peers(hub), key=bytes(32), marked=True)],
    }
    expected = {}
    for reason, contents in sent.items():
        for content in contents:
            hub.bench.line.write("han", frames.to_wire(content))
        expected[reason] = len(contents)
        hub.advance_s(1)
    hub.bench.line.write("bench", frames.to_wire(bytes((state[0], state[1] | s.BENCH_MARK, state[2]))))
    expected["mark"] += 1
    hub.bench.line.write("han", frames.to_wire(bytes(good)).replace(b"x", b"y"))
    expected["fcs"] = 1
    hub.bench.line.write("han", b"\x7e\x41\x42\x7d\x7e")
    expected["abort"] = 1
    hub.advance_s(1)
    assert drops(hub.state()) == expected
    assert hub.answers() == []


def _peers(hub):
    return {"esme": hub.esme.esme, "hub": hub.esme.hub, "counter": bytes(7) + b"\x01"}


# ---- the relay


MESSAGES = [b"", b"\x00", bytes(range(256)), b"\x7e\x7d\x03\x7d\x5e" * 40, bytes(1_499), bytes([0x7E]) * 1_500]


@pytest.mark.requirement("LINE-05")
@pytest.mark.parametrize("tamper", [None, lines.singly, lines.sprinkled], ids=["plain", "singly", "sprinkled"])
def test_gbcs_goes_down_as_it_came(lab, tamper):
    hub = lab()
    if tamper:
        hub.bench.tamper[s.LINK_WAN, True] = tamper
    for count, gbcs in enumerate(MESSAGES, 1):
        hub.headend.relay(gbcs)
        hub.wait(2, lambda count=count: len(hub.esme.relayed) == count)
    hub.advance_s(2)
    assert hub.esme.relayed == MESSAGES


@pytest.mark.requirement("LINE-05")
@pytest.mark.parametrize("tamper", [None, lines.singly], ids=["plain", "singly"])
def test_gbcs_goes_up_as_it_came(lab, tamper):
    hub = lab()
    if tamper:
        hub.bench.tamper[s.LINK_HAN, True] = tamper
    for count, gbcs in enumerate(MESSAGES, 1):
        hub.esme.send("gbcs_from_esme", {"gbcs": gbcs})
        hub.wait(2, lambda count=count: len(hub.headend.relayed) == count)
    hub.advance_s(2)
    assert hub.headend.relayed == MESSAGES


@pytest.mark.requirement("LINE-05")
@pytest.mark.needs("supply")
def test_gbcs_is_relayed_while_supply_is_out(lab):
    hub = lab()
    hub.lose(60)
    hub.headend.relay(bytes(range(100)))
    hub.esme.send("gbcs_from_esme", {"gbcs": bytes(range(99))})
    hub.advance_s(2)
    assert (hub.esme.relayed, hub.headend.relayed) == ([bytes(range(100))], [bytes(range(99))])


@pytest.mark.requirement("LINE-06")
def test_gbcs_of_1501_octets_is_dropped(lab):
    hub = lab()
    header = frames.build("gbcs_from_esme", {"gbcs": b""}, marked=True)
    hub.bench.line.write("han", frames.to_wire(header + bytes(1_501)))
    hub.advance_s(2)
    assert hub.headend.relayed == []
    assert drops(hub.state()) == {"length": 1}
    hub.esme.send("gbcs_from_esme", {"gbcs": b"next"})
    hub.advance_s(2)
    assert hub.headend.relayed == [b"next"]


@pytest.mark.requirement("LINE-05", "AUTH-03")
def test_a_replayed_relay_command_is_not_relayed_again(lab):
    hub = lab()
    first = hub.headend.relay(b"one")
    hub.advance_s(1)
    hub.headend.relay(b"two")
    hub.advance_s(1)
    hub.bench.transmit(s.LINK_WAN, first)
    hub.advance_s(1)
    assert hub.esme.relayed == [b"one", b"two"]
