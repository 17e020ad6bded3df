"""Who may say what: MACs, links, directions, marks. Counters and replays stand in test_replay.py."""

import pytest

from chf.wire import schema as s
from hil.hub import drops
from host_tools import frames
from host_tools.frames import MESSAGES

TYPES = {row[0]: number for number, row in MESSAGES.items()}


def untouched(hub):
    """Nothing has been answered on HAN and no flag is pending."""
    return hub.answers() == [] and hub.flag() != s.FLAG_PENDING


def declaration(hub, **options):
    """The content of a declaration that would be accepted, not sent."""
    fields = {
        "esme": hub.esme.esme,
        "hub": hub.esme.hub,
        "counter": hub.esme.next_counter(),
        "image_hash": bytes(32),
        "expected_outage_s": 400,
        "valid_s": 600,
    }
    return frames.build("activation_pending", fields, **{"key": hub.esme.key, "marked": True, **options})


@pytest.mark.requirement("AUTH-01")
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_octet_of_a_declaration_can_be_changed(lab, flip):
    hub = lab()
    good = declaration(hub)
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= flip
        hub.bench.transmit(s.LINK_HAN, bytes(bad))
        hub.bench.advance(20)
    hub.advance_s(1)
    assert untouched(hub)
    assert sum(drops(hub.state()).values()) == len(good)
    hub.bench.transmit(s.LINK_HAN, good)
    hub.advance_s(1)
    assert hub.answers() == ["ack"]


@pytest.mark.requirement("AUTH-01")
@pytest.mark.parametrize("cut", [1, 15, 16])
def test_a_mac_that_is_cut_or_missing_is_not_enough(lab, cut):
    hub = lab()
    hub.bench.transmit(s.LINK_HAN, declaration(hub)[:-cut])
    hub.advance_s(1)
    assert untouched(hub)
    assert drops(hub.state()) == {"length": 1}


@pytest.mark.requirement("AUTH-01")
def test_a_mac_of_zeros_is_not_enough(lab):
    hub = lab()
    hub.bench.transmit(s.LINK_HAN, declaration(hub)[:-16] + bytes(16))
    hub.advance_s(1)
    assert untouched(hub)
    assert drops(hub.state()) == {"mac": 1}


@pytest.mark.requirement("AUTH-02")
@pytest.mark.parametrize("name", ["bench_head_end", "esme", "head_end"])
def test_a_declaration_under_another_key_is_dropped(lab, name):
    hub = lab()
    hub.bench.transmit(s.LINK_HAN, declaration(hub, key=bytes.fromhex(hub.identity["keys"][name])))
    hub.advance_s(1)
    assert untouched(hub)
    assert drops(hub.state()) == {"mac": 1}


@pytest.mark.requirement("AUTH-02")
def test_the_hubs_own_frames_reflected_to_it_are_dropped(lab):
    hub = lab()
    assert hub.declare()
    said = [captured for captured in hub.bench.capture if not captured.to_hub]
    before = len(hub.bench.capture)
    for captured in said:
        hub.bench.transmit(captured.content[1] & s.LINK_MASK, captured.content)
    hub.advance_s(1)
    assert [captured for captured in hub.bench.capture[before:] if not captured.to_hub] == []
    assert drops(hub.state()) == {"address": len(said)}


@pytest.mark.requirement("AUTH-02")
def test_a_frame_with_its_direction_turned_does_not_verify(lab):
    """What the hub sealed as an acknowledgement of its own is no message to it, whatever the direction bit says."""
    hub = lab()
    assert hub.declare()
    (ack,) = [one.content for one in hub.bench.capture if not one.to_hub and one.frame.name == "flag_ack"]
    for number in (TYPES["flag_ack"], TYPES["activation_pending"], TYPES["activation_cancel"]):
        turned = bytes((ack[0], ack[1] & ~s.FROM_HUB, number)) + ack[3:]
        hub.bench.transmit(s.LINK_HAN, turned)
    hub.advance_s(1)
    assert hub.answers() == ["ack"]
    assert hub.flag() == s.FLAG_PENDING


@pytest.mark.requirement("AUTH-02")
def test_a_han_message_on_the_wan_link_is_dropped(lab):
    hub = lab()
    content = bytearray(declaration(hub, key=hub.headend.key))
    content[1] = s.LINK_WAN | s.BENCH_MARK
    sealed = bytes(content[:-16])
    hub.bench.transmit(s.LINK_WAN, sealed + hub.headend.key.tag(sealed))
    hub.advance_s(1)
    assert untouched(hub)
    assert drops(hub.state()) == {"address": 1}


@pytest.mark.requirement("AUTH-02", "AUTH-01")
def test_a_command_under_the_meters_key_is_dropped(lab):
    hub = lab()
    fields = {"counter": (1_000_000).to_bytes(8, "big"), "policy": s.POLICY_SUPPRESS}
    hub.headend.send("set_policy", fields, key=hub.esme.key)
    hub.advance_s(1)
    assert hub.headend.answers == []
    state = hub.state()
    assert state["policy"] == s.POLICY_TAG
    assert drops(state) == {"mac": 1}


@pytest.mark.requirement("AUTH-12")
def test_a_strapped_hub_drops_what_lacks_the_bench_mark(lab):
    hub = lab()
    hub.bench.transmit(s.LINK_HAN, declaration(hub, marked=False))
    hub.headend.send("set_policy", {"counter": bytes([1] * 8), "policy": s.POLICY_ALERT}, marked=False)
    hub.advance_s(1)
    assert untouched(hub)
    state = hub.state()
    assert state["policy"] == s.POLICY_TAG
    assert drops(state) == {"mark": 2}


@pytest.mark.requirement("AUTH-12")
@pytest.mark.needs("strap")
@pytest.mark.parametrize("key", ["esme", "bench_esme"])
def test_a_hub_without_the_strap_drops_what_carries_the_bench_mark(lab, key):
    hub = lab(strapped=False)
    hub.bench.transmit(s.LINK_HAN, declaration(hub, key=bytes.fromhex(hub.identity["keys"][key])))
    hub.advance_s(1)
    assert hub.answers() == []


@pytest.mark.requirement("AUTH-02")
@pytest.mark.needs("strap")
def test_a_hub_without_the_strap_does_not_take_the_test_keys(lab):
    hub = lab(strapped=False)
    bench_key = bytes.fromhex(hub.identity["keys"]["bench_esme"])
    hub.bench.transmit(s.LINK_HAN, declaration(hub, key=bench_key, marked=False))
    hub.advance_s(1)
    assert hub.answers() == []
    hub.bench.transmit(s.LINK_HAN, declaration(hub, marked=False))
    hub.advance_s(1)
    assert hub.answers() == ["ack"]


@pytest.mark.requirement("AUTH-09", "AUTH-10")
@pytest.mark.needs("journal-image", "supply")
def test_a_rotated_meter_key_is_the_only_one_and_revokes_the_flag(lab):
    hub = lab()
    assert hub.declare()
    old, new = hub.esme.key, bytes(range(7, 39))
    assert hub.command(lambda: hub.headend.rotate_key(s.PEER_ESME, new))["name"] == "command_ack"
    assert hub.flag() == s.FLAG_REVOKED
    assert not hub.declare()
    for _ in range(2):
        hub.esme.key = type(old)(new)
        hub.esme.counter = 0
        assert hub.declare()  # its counters start anew, or are told the floor
        hub.esme.key = old
        assert not hub.declare()
        hub.restart()


@pytest.mark.requirement("AUTH-09")
@pytest.mark.needs("journal-image")
def test_a_rotated_head_end_key_is_the_only_one_over_restarts(lab):
    hub = lab()
    old, new = hub.headend.key, bytes(range(9, 41))
    assert hub.command(lambda: hub.headend.rotate_key(s.PEER_HEAD_END, new))["name"] == "command_ack"
    rotated = hub.headend.key
    for _ in range(2):
        hub.headend.key = old
        told = len(hub.headend.answers)
        hub.headend.set_policy(s.POLICY_ALERT)
        hub.advance_s(2)
        assert len(hub.headend.answers) == told
        hub.headend.key = rotated
        hub.set_policy(s.POLICY_TAG)
        hub.restart()
    assert hub.state()["utc"] != s.NO_UTC  # the time request too goes under the new key


@pytest.mark.requirement("AUTH-11", "AUTH-10")
@pytest.mark.needs("journal-image", "supply")
def test_a_meter_exchange_voids_the_old_meter_and_its_flag(lab):
    hub = lab()
    assert hub.declare()
    old, old_key, new, new_key = hub.esme.esme, hub.esme.key, bytes(range(50, 58)), bytes(range(11, 43))
    assert hub.command(lambda: hub.headend.exchange_esme(new, new_key))["name"] == "command_ack"
    assert hub.flag() == s.FLAG_REVOKED
    hub.restart()
    assert not hub.declare()  # the old meter, under its old key
    hub.esme.key = type(old_key)(new_key)
    assert not hub.declare()  # the old meter, under the new key
    assert hub.answers()[-1] == "peer"
    hub.esme.esme, hub.esme.counter = new, 0
    assert hub.declare()
    assert old != new


@pytest.mark.requirement("AUTH-13", "AUTH-14")
@pytest.mark.parametrize("policy", [4, 255])
def test_a_policy_that_does_not_exist_is_refused(lab, policy):
    hub = lab()
    before = hub.command(lambda: hub.headend.set_policy(s.POLICY_TAG))
    refusal = hub.command(lambda: hub.headend.set_policy(policy))
    assert (refusal["name"], refusal["reason"]) == ("command_refusal", s.REFUSED_VALUE)
    assert refusal["floor"] == before["counter"]
    assert hub.state()["policy"] == s.POLICY_TAG


@pytest.mark.requirement("AUTH-13")
def test_a_key_for_a_peer_that_does_not_exist_is_refused(lab):
    hub = lab()
    hub.command(lambda: hub.headend.set_policy(s.POLICY_TAG))
    refusal = hub.command(lambda: hub.headend.rotate_key(2, bytes(32)))
    assert (refusal["name"], refusal["reason"]) == ("command_refusal", s.REFUSED_VALUE)
    assert hub.declare()
