"""Two small parts by themselves: ticks that wrap and the timers on them; and the fold of the journals' records."""

from hypothesis import example, given
from hypothesis import strategies as st

from chf.core.recovery import Recovered
from chf.core.ticks import HALF, MASK, PERIOD, Timers, add, diff
from chf.journal.records import ACKED_NOTICE, RECORDS, kind_of, record
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
    assert all(due != s.NO_UTC for due, _, _ in recovered.inferred)
    assert len({gbcs for _, gbcs, _ in recovered.inferred}) == len(recovered.inferred)
    versions = [values for name, values in records if name == "version"]
    assert recovered.version in (None, versions[-1] if versions else None)


def said(*names):
    """Any records of these names."""
    return st.one_of(*(st.tuples(st.just(name), values_of(record(kind_of(name))[1])) for name in names))


INFERRED_RECORDS = said("inferred", "uninferred", "flag", "clear", "esme", "key", "decision")


@given(st.lists(INFERRED_RECORDS, max_size=12))
@example([("inferred", {"counter": counter(1), "tag": bytes(16), "gbcs": counter(2), "image_hash": bytes(32), "due": 0,
                        "valid_s": 3_600, "utc": 1})])  # fmt: skip
def test_what_was_inferred_is_gone_once_it_is_cleared(records):
    cancelled = ("uninferred", {"counter": counter(1), "tag": bytes(16), "gbcs": bytes(8)})
    for last in (
        cancelled,
        *(one for one in records if one[0] == "uninferred"),
        *(one for one in records if one[0] == "esme"),
    ):
        recovered = Recovered()
        for name, values in [*records, last]:
            recovered.apply(name, values)
        inferred = recovered.flag is not None and recovered.flag["source"] == s.SOURCE_INFERRED
        assert not inferred or recovered.flag_state not in (s.FLAG_PENDING, s.FLAG_CONSUMED)
        gone = last[1].get("gbcs", bytes(8))
        assert not recovered.inferred if gone == bytes(8) else gone not in [gbcs for _, gbcs, _ in recovered.inferred]


@given(st.lists(said("inferred", "uninferred", "wan_floor", "policy", "esme", "key", "flag"), max_size=12))
def test_no_record_lowers_the_head_end_s_floor(records):
    recovered = Recovered()
    highest = bytes(8)
    for name, values in records:
        recovered.apply(name, values)
        if name != "flag":
            highest = max(highest, values["counter"])
        assert recovered.wan_floor.counter == highest


def applied(*records):
    recovered = Recovered()
    for name, values in records:
        recovered.apply(name, values)
    return recovered


def of_cs06(name, gbcs, **values):
    return name, {"counter": counter(1), "tag": bytes(16), "gbcs": counter(gbcs), "image_hash": bytes(32), **values}


def test_a_cs06_waits_then_is_the_flag_and_waits_no_more():
    waits = of_cs06("inferred", 2, due=9_000, valid_s=0, utc=s.NO_UTC)
    other = of_cs06("inferred", 3, due=8_000, valid_s=0, utc=s.NO_UTC)
    recovered = applied(waits, other)
    assert recovered.flag is None
    assert recovered.inferred == [(9_000, counter(2), bytes(32)), (8_000, counter(3), bytes(32))]
    recovered = applied(waits, other, of_cs06("inferred", 2, due=s.NO_UTC, valid_s=3_660, utc=8_940))
    assert recovered.inferred == [(8_000, counter(3), bytes(32))]
    assert (recovered.flag_state, recovered.flag_life) == (s.FLAG_PENDING, (3_660, 8_940))
    flag = recovered.flag
    assert (flag["counter"], flag["source"], flag["expected_outage_s"]) == (counter(2), s.SOURCE_INFERRED, 600)
    assert recovered.esme_floor.counter == bytes(8)


def test_a_failure_of_one_that_waits_leaves_the_others_and_a_declared_flag():
    declared = {"counter": counter(2), "tag": bytes(16), "source": s.SOURCE_DECLARED, "image_hash": bytes(32),
                "expected_outage_s": 300, "valid_s": 600, "utc": 1}  # fmt: skip
    waiting = [of_cs06("inferred", gbcs, due=9_000, valid_s=0, utc=s.NO_UTC) for gbcs in (2, 3)]
    recovered = applied(("flag", declared), *waiting, of_cs06("uninferred", 2))
    assert [gbcs for _, gbcs, _ in recovered.inferred] == [counter(3)]
    assert recovered.flag_state == s.FLAG_PENDING


def test_a_report_waits_until_it_is_acknowledged_and_no_outage_comes_of_it():
    report = {"id": bytes(12), "before": 1, "after": 2, "evidence": s.EVIDENCE_READ}
    acked = ("acked", {"id": bytes(12), "revision": 0, "what": ACKED_NOTICE})
    newer = dict(report, after=3)
    assert applied(("without_notice", report), ("without_notice", newer)).without_notice == newer
    recovered = applied(("without_notice", report), acked)
    assert recovered.without_notice is None and recovered.outages == []


def test_what_is_told_of_an_outage_after_its_end_does_not_open_it_again():
    outage = bytes(11) + b"\x01"
    loss = {"id": outage, "elapsed_s": 5, "utc": 1_000, "bits": 0, "holdup_mv": 1, "flag_counter": bytes(8),
            "source": 0, "window_s": 0}  # fmt: skip
    decision = {
        field: outage if kind == "b12" else bytes(8) if kind == "b8" else 1
        for field, kind in items(record(kind_of("decision"))[1])
    }
    decision["level"] = s.LEVEL_PLAIN
    end = {"id": outage, "duration_s": 200, "end_utc": 1_200, "bits": 1, "holdup_mv": 1}
    late = (("loss", dict(loss, elapsed_s=400)), ("checkpoint", {"id": outage, "elapsed_s": 500}))
    recovered = applied(("loss", loss), ("decision", decision), ("end", end), *late)
    assert recovered.open_outage() is None
    assert [one.id for one in recovered.outages] == [outage]


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
