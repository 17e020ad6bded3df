"""Two small parts by themselves: ticks that wrap and the timers on them; and the fold of the journals' records."""

from hypothesis import given
from hypothesis import strategies as st

from chf.core.recovery import Recovered
from chf.core.ticks import HALF, MASK, PERIOD, Timers, add, diff
from chf.journal.records import RECORDS, record
from chf.wire import schema as s
from chf.wire.codec import items, numbers
from tests.core.model import counter

TICKS = st.integers(0, MASK)


def test_ticks_wrap_as_a_board_s_do():
    assert PERIOD == 1 << 30
    assert add(MASK, 1) == 0
    assert add(0, -1) == MASK
    assert diff(0, MASK) == 1
    assert diff(MASK, 0) == -1


@given(TICKS, st.integers(-HALF, HALF - 1))
def test_what_is_added_is_the_difference(tick, ms):
    later = add(tick, ms)
    assert 0 <= later <= MASK
    assert diff(later, tick) == ms


@given(TICKS, st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1))
def test_timers_come_out_in_order_and_by_name_where_equal(start, delays):
    timers = Timers()
    for name, delay in delays.items():
        timers.set(name, add(start, delay))
    order = sorted(delays, key=lambda name: (delays[name], name))
    for name in order:
        assert timers.earliest() == name
        assert timers.take_due(add(start, delays[name] - 1)) is None
        assert timers.take_due(add(start, delays[name])) == name
        assert timers.at(name) is None
    assert timers.earliest() is None


def test_a_timer_stands_once_and_can_be_cancelled_twice():
    timers = Timers()
    timers.set("a", 5)
    timers.set("a", 9)
    assert timers.take_due(8) is None
    timers.cancel("a")
    timers.cancel("a")
    assert timers.take_due(9) is None


# ---- the fold


def values_of(fields):
    """Any octets that fit a record's fields; ids and counters from a few, so that they meet."""
    kinds = {
        "u8": st.integers(0, 6),
        "u16": st.sampled_from([0, 1, 300, 0xFFFF]),
        "u32": st.sampled_from([0, 1, 180, 832_619_520, 0xFFFFFFFF]),
        "b4": st.sampled_from([bytes(4), b"abcd"]),
        "b8": st.integers(0, 3).map(counter),
        "b12": st.integers(0, 3).map(lambda n: bytes(11) + bytes((n,))),
        "b16": st.sampled_from([bytes(16), b"t" * 16]),
        "b32": st.just(bytes(32)),
    }
    return st.fixed_dictionaries({name: kinds[kind] for name, kind in items(fields)})


RECORD = st.one_of(
    *(st.tuples(st.just(name), values_of(fields)) for name, fields in (record(kind) for kind in numbers(RECORDS)))
)


@given(st.lists(RECORD, max_size=40))
def test_any_records_in_any_order_fold_without_an_exception(records):
    recovered = Recovered()
    for name, values in records:
        recovered.apply(name, values)
    assert recovered.fresh == (not records)
    opened = recovered.open_outage()
    assert opened is None or opened in recovered.outages
    assert len({outage.id for outage in recovered.outages}) == len(recovered.outages)


FLOOR_RECORDS = st.one_of(
    *(st.tuples(st.just(name), values_of(record(kind)[1])) for kind, name in ((0x10, "flag"), (0x11, "clear")))
)


@given(st.lists(FLOOR_RECORDS, max_size=12))
def test_no_record_but_an_agreement_lowers_the_meter_s_floor(records):
    recovered = Recovered()
    highest = bytes(8)
    for name, values in records:
        recovered.apply(name, values)
        if name == "clear" or values["source"] == s.SOURCE_DECLARED:
            highest = max(highest, values["counter"])
        assert recovered.esme_floor.counter == highest
    recovered.apply("sync", {"counter": counter(1), "tag": bytes(16)})
    assert recovered.esme_floor.counter == counter(1)
