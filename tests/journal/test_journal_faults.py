"""A store that refuses, tears, fails late or lies: what the journal holds then, against a model of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_stores import MemoryStore, filled, sample, samples

from chf.journal.journal import Journal
from host_tools.frames import RECORDS

NAMES = [name for name, _ in RECORDS.values()]
FAULTS = st.sampled_from([None, None, ("refuse",), ("late",)]) | st.integers(0, 90).map(lambda n: ("tear", n))
STEPS = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(NAMES), FAULTS),
    st.tuples(st.sampled_from(["compact", "mend"]), st.just(None), FAULTS),
    st.tuples(st.just("restart"), st.just(None), st.none()),
)


@settings(max_examples=250)
@given(st.lists(STEPS, max_size=25))
def test_the_journal_holds_what_was_acknowledged_and_at_most_what_was_in_flight(steps):
    """DurableBeforeClaim and NoReplay at this layer: `held` is what a restart must find, whatever the store does."""
    store = MemoryStore()
    journal = Journal(store, "file")
    journal.recover()
    acknowledged, held, torn = [], [], 0  # torn: octets that the file ends in beyond `held`
    for salt, (step, name, fault) in enumerate(steps):
        store.fault = fault
        if step == "restart":
            journal = Journal(store, "file")
            assert journal.recover() == held
            assert (journal.torn, journal.damaged) == (torn, False)
            acknowledged = list(held)
            continue
        record = (name, sample(name, salt)) if name else None
        after = [*acknowledged, record] if record else acknowledged[-3:]
        try:
            if step == "append":
                journal.append(*record)
            else:
                getattr(journal, step)(after)
        except OSError:
            call, reached, size = store.last_write
            if call == "append":
                held = after if reached == size else acknowledged
                torn = reached % size
            elif reached:
                acknowledged = held = after  # the new generation took the old one's place, whole
                torn = 0
            continue
        acknowledged = held = after
        torn = 0
        assert journal.size == len(store.files["file"])
    assert Journal(store, "file").recover() == held


def test_an_append_that_failed_is_cut_off_before_the_next_one():
    for fault in (("refuse",), ("tear", 7), ("late",)):
        store = filled(samples())
        journal = Journal(store, "file")
        journal.recover()
        store.fault = fault
        with pytest.raises(OSError):
            journal.append("policy", sample("policy", 1))
        journal.append("policy", sample("policy", 2))
        again = Journal(store, "file")
        assert again.recover() == [*samples(), ("policy", sample("policy", 2))]
        assert not again.damaged and again.torn == 0


def test_a_replacement_that_took_place_though_it_raised_is_adopted():
    store = filled(samples())
    journal = Journal(store, "file")
    journal.recover()
    store.fault = ("late",)
    with pytest.raises(OSError):
        journal.compact(samples()[:2])
    journal.append("policy", sample("policy"))
    again = Journal(store, "file")
    assert again.recover() == [*samples()[:2], ("policy", sample("policy"))] and not again.damaged


def test_a_torn_tail_is_gone_after_one_append_and_appends_are_plain_again():
    store = filled(samples())
    store.files["file"] = store.files["file"][:-3]
    journal = Journal(store, "file")
    assert journal.recover() == samples()[:-1] and journal.torn
    replaces = store.replaces
    journal.append("boot", sample("boot"))
    assert (journal.torn, store.replaces, store.appends) == (0, replaces + 1, 0)
    journal.append("boot", sample("boot", 1))
    assert (store.replaces, store.appends) == (replaces + 1, 1)
    assert Journal(store, "file").recover() == [*samples()[:-1], ("boot", sample("boot")), ("boot", sample("boot", 1))]


def test_the_damage_mark_outlives_rewriting_compaction_and_restarts_until_mended():
    store = filled(samples())
    data = bytearray(store.files["file"])
    data[40] ^= 1
    store.files["file"] = bytes(data)
    journal = Journal(store, "file")
    left = journal.recover()
    assert journal.damaged and len(left) == len(samples()) - 1
    journal.append("boot", sample("boot"))  # the rubbish goes; the fact that something is lost does not
    for _ in range(2):
        journal = Journal(store, "file")
        assert journal.recover() == [*left, ("boot", sample("boot"))] and journal.damaged
    journal.compact(left)
    assert journal.damaged
    journal = Journal(store, "file")
    assert journal.recover() == left and journal.damaged
    store.fault = ("refuse",)
    with pytest.raises(OSError):
        journal.mend(left)
    assert journal.damaged  # not mended before it is durable
    journal.mend(left)
    assert not journal.damaged
    again = Journal(store, "file")
    assert again.recover() == left and not again.damaged


def test_a_file_that_shrinks_or_vanishes_behind_the_journal_is_damage():
    for rest in (None, b"", filled(samples()).files["file"][:-1]):
        store = filled(samples())
        journal = Journal(store, "file")
        journal.recover()
        store.fault = ("refuse",)
        with pytest.raises(OSError):
            journal.append("boot", sample("boot"))
        store.files = {} if rest is None else {"file": rest}
        journal.append("boot", sample("boot"))
        assert journal.damaged
        again = Journal(store, "file")
        assert again.recover()[-1] == ("boot", sample("boot")) and again.damaged


@pytest.mark.parametrize("write", ["append", "compact"])
def test_an_absent_file_that_should_be_there_carries_the_mark_once_its_owner_says_so(write):
    store = MemoryStore()
    journal = Journal(store, "file")
    assert journal.recover() == [] and journal.fresh and not journal.damaged
    journal.damaged = True
    store.fault = ("refuse",)
    with pytest.raises(OSError):
        journal.append("boot", sample("boot"))
    if write == "append":
        journal.append("boot", sample("boot"))
    else:
        journal.compact([("boot", sample("boot"))])
    again = Journal(store, "file")
    assert again.recover() == [("boot", sample("boot"))] and again.damaged and not again.fresh


@pytest.mark.parametrize("write", ["append", "compact"])
def test_damage_told_by_the_owner_of_a_file_that_could_not_be_read_is_kept(write):
    store = filled(samples())
    store.reads_fail = True
    journal = Journal(store, "file")
    with pytest.raises(OSError):
        journal.recover()
    journal.damaged = True
    store.reads_fail = False
    if write == "append":
        journal.append("boot", sample("boot"))
    else:
        journal.compact([*samples(), ("boot", sample("boot"))])
    again = Journal(store, "file")
    assert again.recover() == [*samples(), ("boot", sample("boot"))]
    assert journal.damaged and again.damaged is (write == "compact")


def test_a_generation_is_made_of_any_iterable_and_read_back_one_record_at_a_time():
    store = MemoryStore()
    journal = Journal(store, "file")
    journal.compact(iter(samples()))
    taken = []
    again = Journal(store, "file")
    again.replay(lambda name, values: taken.append((name, values)))
    assert taken == samples() and again.size == journal.size and not again.damaged


def test_a_store_that_lost_its_last_write_gives_the_records_before_it():
    store = filled(samples()[:4])
    journal = Journal(store, "file")
    journal.recover()
    journal.append(*samples()[4])
    store.lose_last_write()
    again = Journal(store, "file")
    assert again.recover() == samples()[:4] and not again.damaged
    again.compact(samples()[:1])
    store.lose_last_write()
    assert Journal(store, "file").recover() == samples()[:4]


def test_writing_before_recovery_recovers_first():
    for write in ("append", "compact"):
        store = filled(samples())
        store.files["file"] += b"rubbish"
        journal = Journal(store, "file")
        if write == "append":
            journal.append("boot", sample("boot"))
        else:
            journal.compact(samples())
        again = Journal(store, "file")
        assert again.recover()[: len(samples())] == samples(), write
        assert again.damaged and again.generation == 2, write


def test_a_read_that_fails_is_passed_on_and_nothing_is_written():
    store = filled(samples())
    before = dict(store.files)
    store.reads_fail = True
    journal = Journal(store, "file")
    for call in (journal.recover, lambda: journal.append("boot", sample("boot")), lambda: journal.compact([])):
        with pytest.raises(OSError):
            call()
    assert store.files == before


@pytest.mark.parametrize("fault", [("refuse",), ("late",)])
def test_a_file_that_cannot_be_rewritten_still_takes_appends(fault):
    store = filled(samples()[:2])
    journal = Journal(store, "file")
    before = journal.recover()
    store.fault = fault
    with pytest.raises(OSError):
        journal.compact(before)
    replaces = store.replaces
    journal.append("life", sample("life"))
    assert Journal(store, "file").recover() == [*before, ("life", sample("life"))]
    if fault == ("refuse",):
        assert store.replaces == replaces, "nothing was rewritten where nothing had to be"
