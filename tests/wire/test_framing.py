"""Framing under hostile lines: any octets, cuts, flipped bits, octets lost and doubled; nothing raised, all counted."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.wire import schema
from chf.wire.framing import STUFFED_MAX, Framer, count_drop, stuff
from tests.wire import independent
from tests.wire.strategies import drops

contents = st.binary(min_size=schema.HEADER_LEN, max_size=120) | st.lists(
    st.sampled_from((0x00, 0x03, 0x11, 0x1F, 0x20, 0x5D, 0x5E, 0x7C, 0x7D, 0x7E, 0x7F, 0xFF)), min_size=3, max_size=60
).map(bytes)
noisy = st.lists(st.binary(max_size=12) | contents.map(independent.on_the_line), max_size=6).map(b"".join)


def line_of(content):
    out = bytearray(STUFFED_MAX)
    return bytes(out[: stuff(content, len(content), out)])


def receive(framer, line, cuts=()):
    """Push the line in pieces cut at `cuts`; return the contents that came out."""
    got = []
    edges = [0, *sorted(cuts), len(line)]
    for start, end in itertools.pairwise(edges):
        at = start
        while at < end:
            before = at
            at = framer.push(line, at, end)
            assert before < at <= end
            if framer.ready:
                got.append(bytes(framer.buf[: framer.ready]))
    return got


@given(contents)
def test_stuffing_is_as_specified_and_reversible(content):
    line = line_of(content)
    assert line == independent.on_the_line(content)
    assert len(line) <= 2 * (len(content) + schema.FCS_LEN) + 2
    assert not any(octet < 0x20 for octet in line)
    assert line.count(0x7E) == 2
    framer = Framer()
    assert receive(framer, line) == [content]
    assert not any(framer.drops)


@given(noisy, st.data())
def test_pieces_make_no_difference(line, data):
    whole, split, single = Framer(), Framer(), Framer()
    cuts = data.draw(st.lists(st.integers(0, len(line)), max_size=5))
    expected = receive(whole, line)
    assert receive(split, line, cuts) == expected
    assert receive(single, line, range(1, len(line))) == expected
    assert whole.drops == split.drops == single.drops


@given(st.binary(max_size=400), contents)
def test_any_octets_never_raise_and_a_frame_after_two_flags_is_found(noise, content):
    framer = Framer()
    receive(framer, noise)
    assert receive(framer, b"\x7e\x7e" + line_of(content))[-1:] == [content]


@given(contents, st.data())
def test_one_bit_of_the_frame_flipped_is_never_accepted(content, data):
    check = independent.fcs(content) ^ 0xFFFF
    frame = content + check.to_bytes(2, "little")
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    bad = bytearray(frame)
    bad[bit // 8] ^= 1 << bit % 8
    stuffed = b"".join(bytes((0x7D, o ^ 0x20)) if o < 0x20 or o in (0x7D, 0x7E) else bytes((o,)) for o in bad)
    framer = Framer()
    assert receive(framer, b"\x7e" + stuffed + b"\x7e") == []
    assert drops(framer.drops)[schema.DROP_FCS] == 1


def test_one_bit_of_the_line_flipped_gives_the_content_or_nothing():
    # Flips that turn an octet into a flag, an escape or a control octet change the stuffing: each bit of each vector.
    for vector in independent.VECTORS["frames"]:
        content = independent.content_of(vector)
        line = bytearray.fromhex(vector["wire"])
        for bit in range(8, 8 * len(line) - 8):
            line[bit // 8] ^= 1 << bit % 8
            framer = Framer()
            got = receive(framer, line)
            assert got == [] and any(framer.drops), (vector["name"], bit)
            line[bit // 8] ^= 1 << bit % 8
        assert receive(Framer(), line) == [content]


def test_longest_frame_passes_and_one_octet_more_is_counted_once():
    longest = bytes(range(256)) * 6
    longest = longest[: schema.FRAME_MAX - schema.FCS_LEN]
    framer = Framer()
    assert receive(framer, line_of(longest), range(0, 1700, 7)) == [longest]
    out = bytearray(STUFFED_MAX + 4)
    line = bytes(out[: stuff(longest + b"A", len(longest) + 1, out)])
    assert receive(framer, line) == []
    assert receive(framer, b"\x7e" + b"A" * 5000 + b"\x7e" + line_of(longest)) == [longest]
    assert receive(framer, b"~" + b"A" * (schema.FRAME_MAX + 1) + b"}") == []
    assert receive(framer, line_of(longest)) == [longest]
    counts = drops(framer.drops)
    assert counts[schema.DROP_LONG] == sum(counts) == 3


@pytest.mark.parametrize("size", [8, 64])
def test_a_small_framer_takes_frames_up_to_its_size(size):
    framer = Framer(size)
    fits = bytes(range(65, 65 + size - schema.FCS_LEN))
    assert receive(framer, line_of(fits)) == [fits]
    assert receive(framer, line_of(fits + b"A")) == []
    assert drops(framer.drops)[schema.DROP_LONG] == 1


def test_ready_lasts_until_the_next_push_and_reset_forgets():
    framer = Framer()
    line = line_of(b"abc")
    assert framer.push(line + line, 0, 2 * len(line)) == len(line)
    assert framer.ready == 3
    framer.push(b"", 0, 0)
    assert framer.ready == 0
    framer.push(line, 0, 4)
    framer.reset()
    assert receive(framer, line) == [b"abc"]
    framer.push(b"~ab}", 0, 4)
    framer.reset()
    assert receive(framer, line[4:]) == []
    assert receive(framer, line) == [b"abc"]
    assert not any(framer.drops)


def test_drop_counts_saturate_and_are_shared():
    table = bytearray(2 * schema.DROPS)
    framer = Framer(drops=table)
    framer.count(schema.DROP_STALE)
    assert drops(table)[schema.DROP_STALE] == 1
    for _ in range(0x10010):
        count_drop(table, schema.DROP_MAC)
    assert drops(table)[schema.DROP_MAC] == 0xFFFF
    assert sum(drops(table)) == 0xFFFF + 1


@pytest.mark.parametrize("seed", range(6))
def test_a_line_that_loses_doubles_and_cuts_never_makes_up_a_frame(seed):
    rng = random.Random(seed)
    sent = [bytes(rng.randrange(256) for _ in range(rng.randrange(3, 60))) for _ in range(120)]
    framer = Framer()
    got = []
    for content in sent:
        line = bytearray(line_of(content))
        fate = rng.randrange(5)
        at = rng.randrange(len(line))
        if fate == 1:
            del line[at]
        elif fate == 2:
            line.insert(at, line[at])
        elif fate == 3:
            del line[at:]
        elif fate == 4:
            line = line * 2
        got += receive(framer, bytes(line), sorted(rng.sample(range(len(line) + 1), min(3, len(line)))))
    assert set(got) <= set(sent)
    order = [sent.index(content) for content in got]
    assert order == sorted(order)
    assert len(got) > 40
    assert any(framer.drops)
