"""No octet of a key leaves the hub in a redacted file, be it whole, torn or damaged; all else stays readable."""

import journal_reference as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_stores import MemoryStore, filled, samples
from journal_vectors import redacted

from chf.journal.journal import Journal

KEY = bytes(255 - at * at % 251 for at in range(32))  # three octets in this order stand nowhere else in these files
ALL = [(name, dict(values, key=KEY) if "key" in values else values) for name, values in samples()]
NULLED = [(name, dict(values, key=bytes(32)) if "key" in values else values) for name, values in samples()]


def recovered(data):
    journal = Journal(MemoryStore({"file": data}), "file")
    return journal.recover(), journal.torn, journal.damaged, journal.size


def leaks(data):
    return any(KEY[at : at + 3] in data for at in range(len(KEY) - 2))


def test_the_keys_become_zeros_and_everything_else_stays():
    data = filled(ALL).files["file"]
    assert recovered(redacted(data)) == (NULLED, 0, False, len(data))
    assert redacted(redacted(data)) == redacted(data)
    assert redacted(filled(NULLED).files["file"]) == filled(NULLED).files["file"]


def test_a_file_cut_at_any_length_leaks_nothing_and_reads_as_torn_as_before():
    data = filled(ALL).files["file"]
    for cut in range(len(data) + 1):
        out = redacted(data[:cut])
        assert len(out) == cut and not leaks(out)
        _, torn, damaged, size = recovered(data[:cut])
        records, *rest = recovered(out)
        assert rest == [torn, damaged, size] and records == NULLED[: len(records)]


def test_a_file_with_a_flipped_bit_leaks_nothing():
    data = filled([item for item in ALL if "key" in item[1]]).files["file"]
    for at in range(len(data)):
        hurt = bytearray(data)
        hurt[at] ^= 0x10
        out = redacted(hurt)
        assert not leaks(out) and recovered(out)[2]


def test_a_newer_kind_another_version_and_a_past_record_leak_nothing():
    for data in (
        ref.header() + ref.record(0x7E, 0, KEY) + ref.alive(1),
        ref.header() + ref.record(0x15, 0, KEY) + ref.alive(1),
        ref.header(version=2) + ref.key(0, KEY),
        ref.header(first=9) + ref.alive(9) + ref.key(3, KEY) + ref.esme(4, KEY),
        ref.key(0, KEY) + ref.esme(1, KEY),
    ):
        out = redacted(data)
        assert leaks(data) and not leaks(out) and len(out) == len(data)
        assert recovered(out)[1:] == recovered(data)[1:]


@settings(max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 100), st.binary(max_size=60))
def test_rubbish_is_not_handed_out(before, cut, after):
    data = before + ref.key(0, KEY)[cut:] + after
    out = redacted(data)
    assert len(out) == len(data) and not leaks(out)
