"""The journal's octets: every cut, every flipped bit, doubled files, rubbish; no changed record, no exception."""

import itertools
import zlib

import journal_reference as ref
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from journal_stores import MemoryStore, filled, sample, samples

from chf.journal.journal import LIMIT, Journal
from chf.journal.layout import HEADER_LEN, LARGEST, OVERHEAD
from chf.wire.codec import width
from host_tools.frames import RECORDS

ALL = samples()
WHOLE = filled(ALL).files["file"]


def recovered(data):
    """(journal, records) of a file with these octets; None for no file."""
    journal = Journal(MemoryStore({} if data is None else {"file": bytes(data)}), "file")
    return journal, journal.recover()


def is_part(some, of):
    rest = iter(of)
    return all(item in rest for item in some)


def ends():
    """Offsets at which a record of WHOLE ends."""
    at, out = HEADER_LEN, [HEADER_LEN]
    while at < len(WHOLE):
        at += OVERHEAD + WHOLE[at + 1]
        out.append(at)
    return out


def test_every_kind_of_record_comes_back_as_it_was_appended():
    store = MemoryStore()
    journal = Journal(store, "file")
    assert journal.recover() == [] and journal.fresh and journal.size == 0
    for name, values in ALL:
        journal.append(name, values)
        assert journal.size == len(store.files["file"])
    assert store.files["file"] == WHOLE
    again, records = recovered(WHOLE)
    assert records == ALL
    assert (again.fresh, again.torn, again.damaged, again.size) == (False, 0, False, len(WHOLE))


def test_an_absent_file_is_fresh_and_an_empty_one_is_damage():
    assert recovered(None)[0].fresh and not recovered(None)[0].damaged
    assert recovered(b"")[0].damaged and not recovered(b"")[0].fresh


def test_a_short_file_whose_crc_is_zero_is_no_header():
    short = b"CHFJ" + bytes.fromhex("27be9f8b")
    assert zlib.crc32(short) == 0
    assert recovered(short)[0].damaged


def test_a_file_cut_at_any_length_gives_the_whole_records_before_the_cut():
    for cut in range(len(WHOLE)):
        journal, records = recovered(WHOLE[:cut])
        whole = [end for end in ends() if end <= cut]
        if not whole:
            assert (records, journal.damaged, journal.torn) == ([], True, 0)
            continue
        assert records == ALL[: len(whole) - 1]
        assert (journal.torn, journal.damaged, journal.size) == (cut - whole[-1], False, whole[-1])


def test_any_one_flipped_bit_is_damage_and_loses_one_record_at_most():
    for at, bit in itertools.product(range(len(WHOLE)), range(8)):
        data = bytearray(WHOLE)
        data[at] ^= 1 << bit
        journal, records = recovered(data)
        assert journal.damaged, (at, bit)
        hit = sum(end <= at for end in ends()) - 1  # index of the record that was hit; -1 for the header
        assert records == ALL[: max(hit, 0)] + ALL[hit + 1 :], (at, bit)


def test_a_record_of_any_kind_cannot_change_by_fewer_than_five_bits():
    """No four bits of the longest record, its CRC included, leave the CRC true: none of their syndromes cancel.

    So the CRC alone tells up to four flipped bits, anywhere in a record of any kind.
    """
    payload = LARGEST - 4
    zero = zlib.crc32(bytes(payload))
    single = [1 << bit for bit in range(32)]
    for at, bit in itertools.product(range(payload), range(8)):
        octets = bytearray(payload)
        octets[at] = 1 << bit
        single.append(zlib.crc32(octets) ^ zero)
    pairs = {a ^ b for a, b in itertools.combinations(single, 2)}
    assert len(pairs) == len(single) * (len(single) - 1) // 2
    assert not pairs & {0, *single}


def test_a_doubled_file_gives_each_record_once_and_is_damage():
    journal, records = recovered(WHOLE + WHOLE)
    assert records == ALL and journal.damaged


def test_a_torn_tail_is_a_prefix_of_the_record_that_was_due_and_nothing_else():
    head = ref.header()
    for kind, (_, fields) in RECORDS.items():
        size = width(fields)
        due, later = ref.record(kind, 0, bytes(size)), ref.record(kind, 1, bytes(size))
        for cut in range(1, len(due)):
            assert recovered(head + due[:cut])[0].torn == cut
            assert not recovered(head + due[:cut])[0].damaged
        assert recovered(head + later[:5])[0].damaged
    half = ref.life(0)[:-1]
    assert recovered(head + half[:-1] + bytes([half[-1] ^ 1]))[0].damaged  # an octet of the CRC that is there is wrong
    assert recovered(head + half[:1] + b"\x07")[0].damaged
    assert recovered(head + half[:2] + b"\x00")[0].damaged
    rubbish = recovered(head + b"\0" + half)[0]  # torn, but not where a record was due
    assert rubbish.damaged and not rubbish.torn
    assert recovered(head + b"\x7e")[0].damaged  # a kind that no version has had


def test_a_record_hidden_in_a_torn_payload_is_not_found():
    hidden = ref.life(1)
    journal, records = recovered(ref.header() + ref.flag(0, hidden.ljust(32, b"\0"))[:60])
    assert (records, journal.torn, journal.damaged) == ([], 60, False)


def test_records_after_damage_are_found_and_a_gap_is_damage():
    whole = ref.header() + ref.alive(0) + ref.alive(1, utc=1) + ref.alive(2, utc=2)
    size = len(ref.alive(0))
    without = whole[: HEADER_LEN + size] + whole[HEADER_LEN + 2 * size :]
    for data in (without, whole[: HEADER_LEN + size] + b"\xff" * 400 + whole[HEADER_LEN + 2 * size :]):
        journal, records = recovered(data)
        assert [values["utc"] for _, values in records] == [832_619_520, 2] and journal.damaged


def test_rubbish_between_two_records_is_damage_though_none_is_missing():
    journal, records = recovered(ref.header() + ref.alive(0) + b"\0" + ref.alive(1))
    assert len(records) == 2 and journal.damaged


def test_a_length_that_its_inverted_one_does_not_confirm_is_no_record():
    odd = bytearray(ref.alive(0)[:-4])
    odd[2] ^= 0x01
    odd += zlib.crc32(odd, ref.SEED).to_bytes(4, "big")
    journal, records = recovered(ref.header() + odd + ref.life(1))
    assert [name for name, _ in records] == ["life"] and journal.damaged


def test_a_record_from_the_past_is_not_returned():
    journal, records = recovered(ref.header(first=7) + ref.alive(7) + ref.alive(7, utc=1) + ref.alive(3, utc=2))
    assert [values["utc"] for _, values in records] == [832_619_520] and journal.damaged
    assert journal._seq == 8


def test_records_are_found_under_a_lost_header():
    data = ref.header(first=500) + ref.alive(500) + ref.floor(501)
    journal, records = recovered(b"\0" * HEADER_LEN + data[HEADER_LEN:])
    assert [name for name, _ in records] == ["alive", "wan_floor"] and journal.damaged


def test_numbers_run_on_over_their_end_and_over_a_compaction():
    store = MemoryStore({"file": ref.header(first=0xFFFE) + ref.alive(0xFFFE) + ref.alive(0xFFFF)})
    journal = Journal(store, "file")
    assert len(journal.recover()) == 2 and not journal.damaged
    journal.append("alive", {"utc": 832_619_520, "clean": 1})
    assert store.files["file"].endswith(ref.alive(0))
    journal.compact([("alive", {"utc": 832_619_520, "clean": 1})])
    assert store.files["file"] == ref.header(generation=2, first=1) + ref.alive(1)
    store = MemoryStore({"file": ref.header(first=0xFFFF)})
    journal = Journal(store, "file")
    journal.recover()
    for name, values in ALL[:3]:
        journal.append(name, values)
    assert recovered(store.files["file"])[1] == ALL[:3] and not recovered(store.files["file"])[0].damaged
    store = MemoryStore({"file": ref.header(first=0xFFFF)})
    journal = Journal(store, "file")
    journal.compact(ALL[:3])
    journal.append(*ALL[3])
    assert recovered(store.files["file"])[1] == ALL[:4] and not recovered(store.files["file"])[0].damaged


def test_the_last_generation_number_is_followed_by_zero():
    store = MemoryStore({"file": ref.header(generation=0xFFFFFFFF)})
    journal = Journal(store, "file")
    journal.recover()
    journal.compact([])
    assert store.files["file"] == ref.header(generation=0)


def test_a_kind_or_length_of_a_newer_firmware_is_damage_and_the_rest_is_read():
    for strange in (ref.record(0x7E, 0, b"new"), ref.record(0x12, 0, b"a longer life")):
        journal, records = recovered(ref.header() + strange + ref.alive(1))
        assert [name for name, _ in records] == ["alive"] and journal.damaged and journal.torn == 0


def test_a_file_of_another_version_is_damage_and_nothing_of_it_is_read():
    journal, records = recovered(ref.header(version=2) + ref.alive(0))
    assert records == [] and journal.damaged


def test_any_bit_of_the_mark_is_damage():
    for bit in range(8):
        journal, records = recovered(ref.header(mark=1 << bit) + ref.alive(0))
        assert len(records) == 1 and journal.damaged


def test_room_and_full_say_when_to_compact():
    journal = Journal(MemoryStore(), "file", limit=HEADER_LEN + 2 * LARGEST)
    journal.recover()
    assert journal.room("inferred") and not journal.full
    for filled_up in (False, True):
        assert journal.full is False and journal.room("inferred")
        journal.append("inferred", sample("inferred"))
        assert journal.full is filled_up
    assert not journal.room("inferred") and not journal.room("alive")
    journal.append("alive", sample("alive"))  # past the limit: advice, never a refusal
    assert journal.size == journal.limit + len(ref.alive(0))


def test_a_fresh_file_counts_the_header_that_its_first_record_brings():
    for limit, fits in ((HEADER_LEN + LARGEST, True), (HEADER_LEN + LARGEST - 1, False)):
        journal = Journal(MemoryStore(), "file", limit)
        journal.recover()
        assert (journal.room("inferred"), journal.full) == (fits, not fits)


def test_a_generation_may_pass_the_limit():
    store = MemoryStore()
    journal = Journal(store, "file", limit=100)
    journal.compact(ALL)
    assert store.files["file"] == WHOLE and journal.full


def test_a_wrong_name_or_value_is_told_before_anything_is_written():
    store = filled(ALL)
    journal = Journal(store, "file")
    journal.recover()
    with pytest.raises(KeyError):
        journal.append("no such record", {})
    with pytest.raises(ValueError):
        journal.append("alive", {"utc": -1, "clean": 0})
    assert store.files["file"] == WHOLE
    journal.append("alive", sample("alive"))
    assert store.appends == 1


def pieces():
    good = st.sampled_from([ref.header(), ref.header(first=3), ref.header(version=9), WHOLE])
    frames = st.builds(
        lambda make, number: make(number),
        st.sampled_from([ref.alive, ref.life, ref.floor, ref.key, ref.esme, ref.flag, *ref.CONCLUDED]),
        st.integers(0, 5) | st.sampled_from([0x7FFF, 0x8000, 0xFFFF]),
    )
    strange = st.builds(lambda kind, octets: ref.record(kind, 0, octets), st.integers(0, 255), st.binary(max_size=255))
    return st.lists(good | frames | strange | st.binary(max_size=40), max_size=8).map(b"".join)


@settings(max_examples=300)
@given(pieces() | st.binary(max_size=300), st.integers(0, 2000))
@example(b"", 0)
@example(bytes(LIMIT), 0)
@example(b"\xff" * LIMIT, 0)
def test_fail_open_no_octets_raise_and_what_follows_is_whole(octets, cut):
    """FailOpen and RecoveryIdempotent: recovery answers, twice the same, and one append makes the file whole again."""
    data = octets[: len(octets) - cut % (len(octets) + 1)]
    store = MemoryStore({"file": data})
    journal = Journal(store, "file")
    records = journal.recover()
    state = (journal.torn, journal.damaged, journal.size, journal.generation)
    assert journal.recover() == records
    assert (journal.torn, journal.damaged, journal.size, journal.generation) == state
    assert store.files["file"] == data
    journal.append("alive", sample("alive"))
    again = Journal(store, "file")
    assert again.recover() == [*records, ("alive", sample("alive"))]
    assert again.torn == 0 and again.damaged == state[1]
    assert again.size == journal.size == len(store.files["file"])


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12))
def test_overwritten_octets_never_change_a_record(changes):
    data = bytearray(WHOLE)
    for at, octet in changes:
        data[at] = octet
    journal, records = recovered(data)
    assert is_part(records, ALL)
    assert records == ALL or journal.damaged or journal.torn
