"""Captures: what is written is read again, and what is not whole is reported while the rest is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools import frames
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import capture
from host_tools.link.capture import Bad, Header, Item

KEY = bytes(range(32))
ACK = frames.build("restored_ack", {"id": bytes(12)}, key=KEY, marked=True)
ASK = frames.build("identify", {})
UNKNOWN = b"\x01\x43\xee\x00"
FULL = Path("/dev/full")


def write(path: Path, *lines: str | bytes) -> Path:
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def items(path: Path) -> list[Item]:
    return [one for one in capture.read(path) if isinstance(one, Item)]


def bad(path: Path) -> list[Bad]:
    return [one for one in capture.read(path) if isinstance(one, Bad)]


def test_what_is_written_is_read_again(tmp_path):
    written = [Item(0, True, ASK), Item(1_015, False, ACK), Item(None, True, UNKNOWN)]
    writer = capture.Writer(tmp_path / "c", url="sim:")
    for one in written:
        writer.add(*one)
    writer.close()
    head, *rest = capture.read(tmp_path / "c")
    assert isinstance(head, Header) and head.version == capture.VERSION and head.values["url"] == "sim:"
    assert set(head.values["environment"]) == {"python", "system", "machine"}
    assert rest == written


@given(st.lists(st.tuples(st.none() | st.integers(0, 2**38), st.booleans(), st.binary(max_size=40))))
def test_any_frames_are_read_again(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("c") / "c"
    write(path, capture.header(), *(capture.line_of(*one) for one in written))
    assert items(path) == [Item(*one) for one in written] and not bad(path)


def test_each_frame_stands_decoded_beside_its_octets(tmp_path):
    values = json.loads(capture.line_of(5, False, ACK))
    assert values["link"] == "WAN" and values["content"] == ACK.hex()
    assert values["decoded"] == frames.to_json(frames.parse(ACK))
    values = json.loads(capture.line_of(5, False, UNKNOWN))
    assert "decoded" not in values and "0xEE" in values["error"]


def test_a_frame_is_on_disk_before_the_next_is_written(tmp_path):
    writer = capture.Writer(tmp_path / "c")
    writer.add(1, True, ASK)
    assert len(items(tmp_path / "c")) == 1
    writer.close()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("garbage\n", "JSON"),
        (b"\xff\xfe\n", "JSON"),
        ("{}\n", "frame"),
        ("[1]\n", "frame"),
        ("7\n", "frame"),
        ('{"at_ms": 1, "to_hub": 1, "content": ""}\n', "frame"),
        ('{"at_ms": true, "to_hub": true, "content": ""}\n', "frame"),
        ('{"at_ms": 1.5, "to_hub": true, "content": ""}\n', "frame"),
        ('{"at_ms": 1' + 400 * "0" + ', "to_hub": true, "content": ""}\n', "10 years"),
        ('{"at_ms": 10000000000000, "to_hub": true, "content": ""}\n', "10 years"),
        ('{"at_ms": -10000000000000, "hub": "on", "why": "power-on"}\n', "10 years"),
        ('{"at_ms": 1' + 5_000 * "0" + ', "to_hub": true, "content": ""}\n', "JSON"),
        ('{"at_ms": 1, "to_hub": true, "content": "xy"}\n', "frame"),
        ('{"at_ms": 1, "to_hub": true, "content": 5}\n', "frame"),
        ('{"format": "pcapng", "version": 1}\n', "format"),
        ('{"format": "chf-capture", "version": 99}\n', "version 99"),
        ("[" * 100_000 + "\n", "JSON"),
    ],
)
def test_a_bad_line_is_reported_by_its_number_and_the_rest_is_read(tmp_path, line, word):
    good = capture.line_of(1, True, ASK)
    path = write(tmp_path / "c", capture.header(), good, line, good)
    (told,) = bad(path)
    assert told.line == 3 and word in told.sentence and not told.cut
    assert len(items(path)) == 2


def test_a_last_line_that_was_cut_off_is_no_damage(tmp_path):
    good = capture.line_of(1, True, ASK)
    for end in (1, len(good) // 2, len(good) - 2):
        path = write(tmp_path / "c", capture.header(), good, good[:end])
        (told,) = bad(path)
        assert told.cut and told.line == 3
        assert len(items(path)) == 1
    path = write(tmp_path / "c", capture.header(), good, good[:-1])
    assert len(items(path)) == 2 and not bad(path)


def test_octets_straight_off_a_line_are_read_too(tmp_path):
    octets = b"noise" + frames.to_wire(ASK) + frames.to_wire(ACK)
    path = write(tmp_path / "c", octets)
    assert items(path) == [Item(None, True, ASK), Item(None, True, ACK)]
    damaged = bytearray(frames.to_wire(ACK))
    damaged[5] ^= 1
    path = write(tmp_path / "c", frames.to_wire(ASK), bytes(damaged))
    (told,) = bad(path)
    assert "1 for fcs" in told.sentence and told.line is None
    assert items(path) == [Item(None, True, ASK)]


@given(st.binary(max_size=200))
def test_no_octets_raise(tmp_path_factory, octets):
    path = write(tmp_path_factory.mktemp("c") / "c", octets)
    for prefix in (b"", b"{"):
        for one in capture.read(write(path, prefix + octets)):
            if isinstance(one, Item):
                assert "\n" not in capture.describe(one)
                json.dumps(capture.as_json(one))


def test_a_file_that_is_not_there_or_takes_nothing(tmp_path):
    for path in (tmp_path / "nope", tmp_path):
        with pytest.raises(BenchError) as caught:
            list(capture.read(path))
        assert caught.value.exit_code == EXIT_USAGE and str(path) in str(caught.value)
    with pytest.raises(BenchError) as caught:
        capture.Writer(tmp_path / "no" / "c")
    assert caught.value.exit_code == EXIT_USAGE


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, which this system lacks")
def test_a_full_disk_is_one_sentence():
    with pytest.raises(BenchError, match="/dev/full cannot be written"):
        capture.Writer(FULL)
