"""The host's quick way through frames gives what framer and Construct give: contents, values, drop counts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from chf.wire import schema
from chf.wire.framing import Framer
from host_tools import frames, frames_fast
from tests.wire import independent
from tests.wire.strategies import messages

contents = st.binary(min_size=1, max_size=80) | st.lists(
    st.sampled_from((0x00, 0x03, 0x1F, 0x20, 0x5D, 0x5E, 0x7C, 0x7D, 0x7E, 0x7F, 0xFF)), min_size=3, max_size=40
).map(bytes)
lines = st.lists(
    st.binary(max_size=12)
    | contents.map(independent.on_the_line)
    | st.sampled_from((b"~", b"}", b"~~", b"}~", b"}}", b"\x11", b"~abc", b"A" * (schema.FRAME_MAX + 1))),
    max_size=12,
).map(b"".join)


def by_framer(framer, octets):
    got = []
    at = 0
    while at < len(octets):
        at = framer.push(octets, at, len(octets))
        if framer.ready:
            got.append(bytes(framer.buf[: framer.ready]))
    return got


@given(lines, st.data())
def test_a_deframer_is_the_framer(line, data):
    cuts = data.draw(st.lists(st.integers(0, len(line)), max_size=5).map(sorted))
    framer, deframer = Framer(), frames.Deframer()
    for start, end in itertools.pairwise([0, *cuts, len(line)]):
        assert deframer.feed(line[start:end]) == by_framer(framer, line[start:end])
        assert deframer.framer.drops == framer.drops


@given(contents, st.data())
def test_a_good_frame_goes_the_quick_way_and_one_flipped_bit_never(content, data):
    segment = independent.on_the_line(content)[1:-1]
    quick = frames_fast.content_of(segment)
    assert quick == (content if len(content) >= schema.HEADER_LEN else None)
    bit = data.draw(st.integers(0, 8 * len(segment) - 1))
    bad = bytearray(segment)
    bad[bit // 8] ^= 1 << bit % 8
    if 0x7E not in bad:
        assert frames_fast.content_of(bytes(bad)) is None or bytes(bad) == segment


def test_a_frame_that_is_too_long_is_the_framers_to_count():
    longest = bytes(65 + i % 50 for i in range(schema.FRAME_MAX - schema.FCS_LEN))
    deframer = frames.Deframer()
    assert deframer.feed(independent.on_the_line(b"abc") + independent.on_the_line(longest)) == [b"abc", longest]
    assert deframer.feed(independent.on_the_line(longest + b"A")) == []
    assert deframer.drops() == {"long": 1}
    assert frames_fast.content_of(independent.on_the_line(longest + b"A")[1:-1]) is None


def typed(values):
    return {name: (type(value), value, str(value)) for name, value in values.items()}


@given(messages)
def test_a_body_unpacks_to_what_construct_parses(message):
    number, values = message
    name, _link, _from_hub, _has_mac, table = frames.MESSAGES[number]
    struct = frames.STRUCTS[number]
    payload = struct.build(values)
    quick = frames_fast.Fields(name, table).unpack(payload)
    assert list(typed(quick).items()) == list(typed(frames.parse_body(name, struct, table, payload)).items())


@given(st.sampled_from(sorted(frames.MESSAGES)), st.integers(0, schema.GBCS_MAX + 80))
def test_a_length_that_construct_refuses_is_left_to_it(number, length):
    name, _link, _from_hub, _has_mac, table = frames.MESSAGES[number]
    payload = bytes(length)
    try:
        expected = typed(frames.parse_body(name, frames.STRUCTS[number], table, payload))
    except frames.FrameError:
        expected = None
    quick = frames_fast.Fields(name, table).unpack(payload)
    assert (None if quick is None else typed(quick)) == expected


def test_every_kind_of_integer_is_unpacked_whole():
    quick = frames_fast.Fields("x", "a:u24 b:u8 c:b3 d:u64 e:*")
    assert quick.unpack(bytes.fromhex("010203 04 050607 ffffffffffffffff 08")) == {
        "a": 0x010203,
        "b": 4,
        "c": b"\x05\x06\x07",
        "d": 2**64 - 1,
        "e": b"\x08",
    }
