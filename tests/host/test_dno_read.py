"""The event reader: the quick way takes just what the plain one takes; whatever a file may hold, the rest is read."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import polars as pl
import pytest
from dno_lines import ad1, at, ecs80, hub, ms_of, octets, restored, stream, without_notice
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.dno import chunks, read, rows
from host_tools.dno.rows import Bad, Unfit

GOOD = [ad1(), restored(), ecs80(), without_notice()]


def taken(content: bytes) -> tuple[list[dict[str, Any]], list[Bad]]:
    """The rows of a file, and its bad lines."""
    bad: list[Bad] = []
    frames = list(read.read(stream(content), "f", bad.append))
    return pl.concat([pl.DataFrame(schema=read.SCHEMA), *frames]).to_dicts(), bad


def told(content: bytes) -> list[tuple[int, str]]:
    return [(line, sentence) for _, line, sentence in taken(content)[1]]


def plainly(line: bytes) -> dict[str, Any] | str | None:
    """A line by rows.parse alone: its row, or what is wrong with it."""
    try:
        return rows.parse(line)
    except Unfit as unfit:
        return str(unfit)


# ---- the quick way and the plain one


@pytest.fixture
def no_plain_way(monkeypatch):
    def refuse(line: bytes) -> None:
        raise AssertionError(f"not read the quick way: {line!r}")

    monkeypatch.setattr(read, "parse", refuse)


def test_good_lines_are_read_the_quick_way(no_plain_way):
    found, bad = taken(octets(*GOOD) * 500)
    assert len(found) == 2_000 and bad == []
    (alert, back, meter, notice) = found[:4]
    assert (alert["hub"], alert["at"], alert["loss"]) == (int(hub(1), 16), ms_of(36_181), ms_of(36_000))
    assert (alert["cause"], alert["level"], alert["id_tail"], alert["id_head"]) == (1, 4, 1, 0)
    assert (back["duration_s"], meter["code"], meter["start"]) == (200, 1, ms_of(36_000))
    assert [one["event"] for one in found[:4]] == [0, 1, 2, 3] and notice["revision"] is None


def test_both_ways_give_the_same_rows():
    lines = octets(*GOOD).splitlines()
    assert taken(octets(*GOOD))[0] == [plainly(line) for line in lines]


TEXTS = (
    *("", "9", "10000", "0x1", "plain", "Plain", "of-tomorrow", "8f36", "8F36", "ad1", "restored", "hub", "head-end"),
    *(hub(7), hub(7).upper(), "00-DB-12-34-00-00-00-07", "g" * 16, "0" * 24, "F" * 24, "\u00e9", "\ud800", "a\nb"),
    *("2026-02-29T00:00:00Z", "2024-02-29T23:59:59.9999Z", "2026-06-28T24:00:00Z", "2026-06-28T10:00:60Z"),
    *("2026-06-28T10:00:00", "2026-06-28t10:00:00z", "1969-12-31T23:59:59Z", "2026-06-28T10:00:00.Z"),
    *("2026-06-28T10:00:00+00:00", "1970-01-01T00:00:00.001Z", "3000-01-01T00:00:00Z"),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 1 << 33),
    st.sampled_from([0.5, 3.0, [], {}, ["plain"]]),
    st.sampled_from(TEXTS),
    st.text(max_size=20),
)


@given(st.sampled_from(GOOD), st.dictionaries(st.sampled_from([*rows.FIELDS, "more"]), VALUES, max_size=3))
@settings(max_examples=500)
def test_whatever_stands_in_a_field_both_ways_agree(event, changes):
    line = json.dumps({**event, **changes}).encode()
    found, bad = taken(octets(GOOD[0]) + line + b"\n" + octets(GOOD[2]))
    expected = plainly(line)
    if isinstance(expected, str):
        assert bad == [Bad("f", 2, expected)]
    else:
        assert bad == [] and found[1 if len(found) == 3 and found[1] == expected else 2] == expected
    assert len(found) == 2 + (not isinstance(expected, str))


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), st.integers(0, 3))
@settings(max_examples=300)
def test_any_octets_are_bad_lines_or_events_and_the_others_are_read(octets_between, place):
    lines = octets(*GOOD).splitlines(keepends=True)
    content = b"".join([*lines[:place], octets_between, b"\n", *lines[place:]])
    found, bad = taken(content)
    assert len(found) == 4
    for one in bad:
        assert place + 1 <= one.line <= place + 1 + octets_between.count(b"\n")
        assert one.sentence.endswith(".") and one.sentence.isprintable()


@given(st.integers(0, len(GOOD) - 1), st.data())
@settings(max_examples=200)
def test_a_line_with_one_octet_changed_is_as_both_ways_say(index, data):
    line = bytearray(octets(GOOD[index])[:-1])
    at_octet = data.draw(st.integers(0, len(line) - 1))
    line[at_octet] = data.draw(st.integers(0, 255).filter(lambda octet: octet != 0x0A))
    expected = plainly(bytes(line))
    found, bad = taken(bytes(line) + b"\n")
    assert (found, bad) == (([], [Bad("f", 1, expected)]) if isinstance(expected, str) else ([expected], []))


# ---- files as they come


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"garbage", "is no JSON."),
        (b'{"event": "ad1"', "is no JSON."),
        (b'{"event": "ad1"} {}', "is no JSON."),
        (b'{"event": NaN}', "is no JSON."),
        (b"[" * 100_000, "is no JSON."),
        (b"[1]", "is no JSON object."),
        (b"null", "is no JSON object."),
        (b'{"a": "\xff"}', "is not UTF-8: octet 8 fits no character."),
        (b"\x00\x00", "is no JSON."),
        (b"{}", "has no event: it must be one of ad1, restored, ecs80, without_notice."),
        (b'{"event": "ad2"}', "has a bad event: it must be one of ad1, restored, ecs80, without_notice."),
        (b'{"event": "ad1"}', "is an event ad1 without at, hub."),
        (json.dumps({**ecs80(), "code": "8F37"}).encode(), "has a bad code: it must be 8F35 or 8F36."),
        (json.dumps({**ecs80(), "meter": None}).encode(), "is an event ecs80 without meter."),
        (
            json.dumps({**ad1(), "merged": -1}).encode(),
            "has a bad merged: it must be a whole number from 0 to 4294967295.",
        ),
        (
            json.dumps({**ad1(), "at": "2026-02-30T00:00:00Z"}).encode(),
            "has a bad at: there is no such day.",
        ),
        (b'{"format": "chf-capture", "version": 1}', "is the header of another format, not of chf-alerts."),
        (
            b'{"format": "chf-alerts", "version": 2}',
            "has chf-alerts version 2, and these tools read up to 1: update them.",
        ),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(line, sentence):
    content = octets(GOOD[0]) + line + b"\n" + octets(GOOD[1])
    found, bad = taken(content)
    assert bad == [Bad("f", 2, sentence)] and [one["event"] for one in found] == [0, 1]


@pytest.mark.parametrize(
    "content",
    [
        b'{"format": "chf-alerts", "version": 1}\n' + octets(*GOOD),
        b"\xef\xbb\xbf" + octets(*GOOD),
        octets(*GOOD).replace(b"\n", b"\r\n"),
        octets(*GOOD)[:-1],
        octets(*GOOD).replace(b"\n", b"\n\n  \n"),
        octets(*GOOD).replace(b"}\n", b"} \n"),
        gzip.compress(octets(*GOOD)),
        gzip.compress(octets(*GOOD[:2])) + gzip.compress(octets(*GOOD[2:])),
    ],
)
def test_what_is_as_good_as_plain_lines(content):
    assert taken(content) == taken(octets(*GOOD)) and len(taken(content)[0]) == 4


def test_an_empty_file_holds_no_event():
    assert taken(b"") == taken(gzip.compress(b"")) == taken(b"\n\n") == ([], [])


def test_a_huge_line_is_passed_over_without_being_held(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_OCTETS", 1 << 16)
    monkeypatch.setattr(chunks, "_BITE_OCTETS", 1 << 14)
    huge = b'{"event": "' + b"x" * (3 << 20) + b'"}\n'
    content = octets(GOOD[0]) + huge + octets(GOOD[1]) + huge[:-1]
    found, bad = taken(content)
    assert bad == [Bad("f", 2, rows.TOO_LONG), Bad("f", 4, rows.TOO_LONG)]
    assert [one["event"] for one in found] == [0, 1]


def test_an_endless_line_fills_no_memory():
    class Endless(io.RawIOBase):
        left = 256 << 20

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), self.left)
            buffer[:size] = b"x" * size
            self.left -= size
            return size

    bad: list[Bad] = []
    tracemalloc.start()
    try:
        assert list(read.read(io.BufferedReader(Endless()), "f", bad.append)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bad == [Bad("f", 1, rows.TOO_LONG)] and peak < 64 << 20


def test_a_huge_line_within_a_chunk_is_passed_over_too():
    for size, bad_lines in ((rows.LINE_MOST - 12, []), (rows.LINE_MOST, [(2, rows.TOO_LONG)])):
        line = json.dumps({**GOOD[1], "more": ""}).encode()
        line = line.replace(b'"more": ""', b'"more": "' + b"x" * (size - len(line) + 1) + b'"')
        assert told(octets(GOOD[0]) + line + b"\n" + octets(GOOD[2])) == bad_lines


def test_lines_that_do_not_fit_keep_their_numbers_among_those_that_are_no_json():
    lines = [
        b"bad\n",
        *octets(*GOOD).splitlines(keepends=True),
        b'{"event": "ad2"}\n',
        b"bad\n",
        octets(ad1(merged=-1)),
    ]
    found, bad = taken(b"".join(lines))
    assert len(found) == 4 and sorted(one.line for one in bad) == [1, 6, 7, 8]


def test_blank_lines_count_for_the_numbers_of_the_others():
    assert told(b"\n" + octets(*GOOD) + b'\n{"event": "ad2"}\n') == [(7, str(plainly(b'{"event": "ad2"}')))]


def test_of_a_name_that_stands_twice_the_first_counts():
    line = octets(GOOD[0])[:-2] + b', "cause": "firmware-activation", "hub": 7}'
    (found,), bad = taken(line + b"\n")
    assert bad == [] and found == plainly(line) and found["cause"] == 1


@pytest.mark.parametrize("chunk", [100, 1_000, 1 << 20])
def test_lines_keep_their_numbers_across_chunks(chunk, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_OCTETS", chunk)
    monkeypatch.setattr(chunks, "_BITE_OCTETS", chunk)
    monkeypatch.setattr(read, "PIECE_LINES", 3)
    lines = octets(*GOOD).splitlines(keepends=True) * 10
    for number in (7, 23, 24, 40):
        lines[number - 1] = b"bad\n"
    found, bad = taken(b"".join(lines))
    assert [one.line for one in bad] == [7, 23, 24, 40] and len(found) == 36


@pytest.mark.parametrize("end", [b"", b"damaged"])
def test_a_gzip_file_that_breaks_off_is_read_as_far_as_it_goes(end):
    whole = gzip.compress(b"".join(octets(ad1(n)) for n in range(20_000)), 1)
    found, bad = taken(whole[: len(whole) // 2] + end)
    # What is damaged can come out as a few lines of rubbish before it shows.
    last = bad[-1]
    assert 5_000 < len(found) < 15_000 and last.line == len(found) + len(bad) <= len(found) + 20
    assert last.sentence in (f"cannot be read: the gzip file is {how} here." for how in ("cut off", "damaged"))
    assert taken(whole[:5])[1] == [Bad("f", 1, "cannot be read: the gzip file is cut off here.")]


def test_a_damaged_gzip_file_is_told():
    whole = bytearray(gzip.compress(octets(*GOOD)))
    whole[-5] ^= 1
    found, bad = taken(bytes(whole))
    assert len(found) == 4 and bad == [Bad("f", 5, "cannot be read: the gzip file is damaged here.")]


def test_times_are_read_to_the_millisecond():
    for text, ms in (("10:00:00Z", 0), ("10:00:00.1Z", 100), ("10:00:00.0019Z", 1), ("10:00:00.999999999Z", 999)):
        (found,), bad = taken(octets({**ad1(), "at": f"2026-06-28T{text}"}))
        assert bad == [] and found["at"] == ms_of(36_000) + ms
        assert rows.time_ms(f"2026-06-28T{text}") == found["at"]
    assert at(36_000.25) == "2026-06-28T10:00:00.250Z"
