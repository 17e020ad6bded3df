"""Codec, MAC and endpoint: any message survives the way, nothing else does, and neither side ever raises on octets."""

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chf.wire import codec, schema
from chf.wire.auth import Key, wrap
from host_tools import frames
from host_tools.names import DROP_NAMES
from tests.wire import independent
from tests.wire.strategies import ALL_LINKS, drops, endpoint, fields, messages

MACED = sorted(number for number, message in frames.MESSAGES.items() if message[3])


@given(messages, st.booleans())
def test_round_trip_and_construct_byte_for_byte(message, marked):
    number, values = message
    name, link, from_hub, has_mac, table = frames.MESSAGES[number]
    content = endpoint(from_hub, marked).seal(name, values)
    assert frames.build(name, values, key=independent.KEYS.get(link), marked=marked) == content
    assert frames.parse(content).fields == values
    result = endpoint(not from_hub, marked).open(content, len(content), ALL_LINKS)
    assert result == (name, values, content[-16:] if has_mac else None)
    body = codec.pack(table, values)
    assert content[3 : 3 + len(body)] == body


@given(
    st.sampled_from(sorted(frames.RECORDS)).flatmap(
        lambda kind: st.tuples(st.just(kind), fields(frames.RECORDS[kind][1]))
    )
)
def test_journal_records_agree_with_construct(record):
    kind, values = record
    name, table = frames.RECORDS[kind]
    payload = codec.pack(table, values)
    assert frames.build_record(name, values) == (kind, payload)
    assert frames.parse_record(kind, payload) == (kind, name, values)


@given(st.binary(max_size=200), st.booleans(), st.booleans(), st.integers(0, 0xFF))
def test_any_octets_never_raise_and_each_refusal_is_counted_once(octets, from_hub, marked, links):
    side = endpoint(from_hub, marked)
    result = side.open(octets, len(octets), links)
    assert sum(drops(side.drops)) == (result is None)


@given(messages, st.binary(max_size=40), st.integers(0, 60))
def test_mutated_contents_agree_with_construct(message, tail, cut):
    # With no MAC in the way: what the endpoint takes, Construct takes with the same values, and the other way round.
    number, values = message
    name, link, sender, has_mac, _ = frames.MESSAGES[number]
    assume(not has_mac)
    content = endpoint(sender).seal(name, values)
    content = content[: max(0, len(content) - cut)] + tail
    opened = endpoint(not sender).open(content, len(content), 1 << link)
    try:
        parsed = frames.parse(content).fields
    except frames.FrameError:
        parsed = None
    assert (opened[1] if opened else None) == parsed


@given(st.sampled_from(MACED), st.data())
def test_one_bit_flipped_in_an_authentic_content_is_refused(number, data):
    name, _, from_hub, _, table = frames.MESSAGES[number]
    content = bytearray(endpoint(from_hub).seal(name, data.draw(fields(table))))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    receiver = endpoint(not from_hub)
    assert receiver.open(content, len(content), ALL_LINKS) is None
    assert sum(drops(receiver.drops)) == 1


@given(st.sampled_from(MACED), st.data())
def test_a_frame_never_passes_under_another_type_link_or_direction(number, data):
    name, link, from_hub, _, table = frames.MESSAGES[number]
    content = bytearray(endpoint(from_hub).seal(name, data.draw(fields(table))))
    other = data.draw(st.sampled_from([n for n in MACED if n != number]))
    content[2] = other
    content[1] = frames.MESSAGES[other][1] | schema.BENCH_MARK | (schema.FROM_HUB if frames.MESSAGES[other][2] else 0)
    for side in (True, False):
        receiver = endpoint(side)
        receiver.keys = dict.fromkeys(receiver.keys, receiver.keys[link])  # even were the two keys the same
        assert receiver.open(content, len(content), ALL_LINKS) is None


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.integers(0, 300), st.binary(max_size=20))
def test_hmac_is_the_standard_librarys(secret, data, n, wrong):
    n = min(n, len(data))
    expected = hmac.new(secret, data[:n], hashlib.sha256).digest()
    key = Key(secret)
    assert key.mac(data, n) == expected
    assert key.tag(memoryview(data), n) == expected[:16]
    assert key.verify(data, n, expected[:16])
    assert key.verify(data, n, wrong) == (wrong == expected[:16])


def test_verify_looks_at_every_octet_and_at_the_length():
    key = Key(bytes(32))
    good = key.tag(b"data")
    for at in range(16):
        bad = bytearray(good)
        bad[at] ^= 0x01
        assert not key.verify(b"data", 4, bad), at
    assert not key.verify(b"data", 4, good[:15])
    assert not key.verify(b"data", 4, good + b"\0")
    assert not key.verify(b"data", 4, b"\0" + good)  # the same number
    assert not key.verify(b"data", 4, b"")
    assert key.verify(b"data", 4, good)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(secret):
    with pytest.raises(ValueError, match="32 octets"):
        Key(secret)
    with pytest.raises(ValueError, match="secret of 32"):
        wrap(Key(bytes(32)), bytes(8), secret)


def test_wrap_takes_a_counter_of_eight_octets():
    with pytest.raises(ValueError, match="counter of 8"):
        wrap(Key(bytes(32)), bytes(7), bytes(32))


GOOD = {"counter": bytes(8), "policy": 1}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"counter": bytes(8)}, "'policy' is missing"),
        ({**GOOD, "polcy": 2}, "no field 'polcy'"),
        ({**GOOD, "policy": 256}, "'policy' takes an integer"),
        ({**GOOD, "policy": -1}, "'policy' takes an integer"),
        ({**GOOD, "policy": 1.0}, "'policy' takes an integer"),
        ({**GOOD, "policy": b"1"}, "'policy' takes an integer"),
        ({**GOOD, "counter": bytes(7)}, "'counter' takes 8 octets"),
        ({**GOOD, "counter": 7}, "'counter' takes octets"),
        ({**GOOD, "counter": "00000007"}, "'counter' takes octets"),
    ],
)
def test_pack_refuses_what_does_not_fit(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        codec.pack(frames.MESSAGES[0x28][4], values)


def test_variable_field_is_bounded_both_ways():
    table = frames.MESSAGES[0x19][4]
    longest = bytes(schema.GBCS_MAX)
    assert codec.unpack(table, codec.pack(table, {"gbcs": longest}), 0, len(longest)) == {"gbcs": longest}
    with pytest.raises(ValueError, match="at most 1500"):
        codec.pack(table, {"gbcs": longest + b"\0"})
    assert codec.unpack(table, longest + b"\0", 0, len(longest) + 1) is None
    assert codec.width(table) == 0
    assert codec.width(frames.MESSAGES[0x20][4]) == 44


def test_every_longest_message_fits_a_frame():
    for number, (name, _, _, has_mac, table) in frames.MESSAGES.items():
        octets = codec.width(table) + (schema.GBCS_MAX if table.endswith("*") else 0)
        octets += schema.HEADER_LEN + schema.FCS_LEN + (schema.MAC_LEN if has_mac else 0)
        assert octets <= schema.FRAME_MAX, name
        assert codec.type_of(name) == number


def test_schema_is_sound():
    for name, _, _, _, table in frames.MESSAGES.values():
        names = [field for field, _ in codec.items(table)]
        assert len(set(names)) == len(names), name
        assert all(kind != "*" for _, kind in codec.items(table)[:-1]), name
    assert len(DROP_NAMES) == schema.DROPS
    assert codec.width("drops:b22") == 2 * schema.DROPS


def test_seal_refuses_what_this_side_does_not_send():
    side = endpoint(True)
    for name in ("nonsense", "", "han", "mac", "no", "id:b12", "<hub"):  # words of the schema's text among them
        with pytest.raises(ValueError, match=f"no message '{name}'"):
            side.seal(name, {})
    with pytest.raises(ValueError, match="sent by the other side"):
        side.seal("identify", {})
    side.keys = {}
    with pytest.raises(ValueError, match="no key for link 2"):
        side.seal("command_ack", {"type": 0x28, "counter": bytes(8)})


@given(st.booleans(), messages)
def test_bench_and_rig_frames_never_carry_the_mark(marked, message):
    number, values = message
    name, link, from_hub, _, _ = frames.MESSAGES[number]
    content = endpoint(from_hub, marked).seal(name, values)
    markable = link in (schema.LINK_HAN, schema.LINK_WAN)
    assert bool(content[1] & schema.BENCH_MARK) == (marked and markable)


def test_the_mac_is_checked_before_the_body_is_unpacked(monkeypatch):
    order = []
    side = endpoint(True)
    verify = Key.verify
    unpack = codec.unpack

    def seen_verify(*args):
        order.append("mac")
        return verify(*args)

    def seen_unpack(*args):
        order.append("body")
        return unpack(*args)

    monkeypatch.setattr(Key, "verify", seen_verify)
    monkeypatch.setattr("chf.wire.endpoint.unpack", seen_unpack)
    content = endpoint(False).seal("restored_ack", {"id": bytes(12)})
    assert side.open(content, len(content), ALL_LINKS) is not None
    forged = content[:-1] + bytes((content[-1] ^ 1,))
    assert side.open(forged, len(forged), ALL_LINKS) is None
    assert order == ["mac", "body", "mac"]
