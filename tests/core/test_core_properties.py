"""Random lives of a hub, judged by the oracle: edges, restarts between any two effects, messages, losses, a bad store.

A failure prints the script: replay.Hub(options).run(script) repeats it. CHF_EXAMPLES=20 searches 20 times as long.
"""

import contextlib
import os

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from chf.wire import schema as s
from tests.core.lives import Life
from tests.core.model import World
from tests.core.oracle import Oracle

SCALE = int(os.environ.get("CHF_EXAMPLES", "1"))

EDGES_S = st.sampled_from([0.001, 0.5, 1.999, 2, 4.999, 5, 10, 29, 30, 59, 60, 61, 90, 120, 150, 170, 179, 179.999])
LONG_S = st.sampled_from([180, 180.001, 181, 186, 199, 200, 240, 300, 599, 600, 601, 900, 1_800, 3_600])
SHORT_S = st.integers(1, 4_000).map(lambda ms: ms / 1000)
ANY_S = st.one_of(EDGES_S, LONG_S, SHORT_S, st.integers(0, 700))
LOSS_S = st.one_of(EDGES_S, LONG_S, SHORT_S)
WINDOW_S = st.sampled_from([1, 150, 179, 180, 181, 200, 300, 600])
VALID_S = st.sampled_from([1, 60, 600, 3_600])
STEPS_MV = st.sampled_from([5_000, 4_000, 3_000, 2_600, 2_300, 2_201, 2_100, 2_010])


def op(name, *args):
    return st.tuples(st.just(name), *args)


SUPPLY = [
    op("outage", LOSS_S, ANY_S),
    op("outage", LOSS_S, SHORT_S),
    op("lose", ANY_S),
    op("back", ANY_S),
    op("blink", st.integers(1, 1_999).map(lambda ms: ms / 1000), ANY_S),
    op("wait", ANY_S),
    op("wait", st.sampled_from([3_600, 21_600, 86_400])),
]
METER = [
    op("declare", WINDOW_S, VALID_S),
    op("declare", WINDOW_S, VALID_S),
    op("complete"),
    op("cancel"),
    op("repeat"),
    op("stale"),
]
HEAD_END = [
    op("policy", st.integers(0, 3)),
    op("holds", st.sampled_from([True, True, False, None])),
    op("wan", st.booleans()),
    op("acks", st.booleans()),
    op("time", st.sampled_from([0, 0, 0, None, 3, -100, 5_000])),
    op("exchange"),
    op("late_hold_ack"),
]
LIFE = [
    op("reset", st.integers(1, 900).map(lambda ms: ms / 1000), ANY_S),
    op("cut", st.integers(0, 12)),
    op("power_cut", ANY_S),
    op("compact"),
    op("holdup", STEPS_MV),
    op("block", st.integers(1, 400).map(lambda ms: ms / 1000)),
]
STORE = [op("store", st.booleans()), op("fail", st.integers(0, 10))]


def judge(operations, **options):
    life = Life(**options)
    with told_where_it_ends(life):
        life.run(operations)
        life.settle()
        Oracle(life.world).check(settled=True)
    return life.world


@contextlib.contextmanager
def told_where_it_ends(life):
    """Whatever ends a life early, Hypothesis prints what led there."""
    with contextlib.ExitStack() as early:
        early.callback(lambda: note(life.world.replay_text()))
        yield
        early.pop_all()


POLICIES = st.integers(0, 3)
MIX = st.one_of(*SUPPLY, *METER, *HEAD_END)
ROUGH = st.one_of(*SUPPLY, *METER, *HEAD_END, *LIFE)
ROUGHEST = st.one_of(*SUPPLY, *METER, *HEAD_END, *LIFE, *STORE)


@settings(max_examples=250 * SCALE)
@given(POLICIES, st.lists(MIX, min_size=3, max_size=30))
def test_without_restarts(policy, operations):
    judge(operations, policy=policy)


@settings(max_examples=400 * SCALE)
@given(POLICIES, st.lists(ROUGH, min_size=3, max_size=30))
def test_with_restarts_and_power_cuts(policy, operations):
    judge(operations, policy=policy)


@settings(max_examples=250 * SCALE)
@given(POLICIES, st.lists(ROUGHEST, min_size=3, max_size=30))
def test_with_a_store_that_fails(policy, operations):
    judge(operations, policy=policy)


@settings(max_examples=150 * SCALE)
@given(POLICIES, WINDOW_S, st.lists(st.one_of(*SUPPLY, *LIFE), max_size=12), st.integers(0, 40))
def test_an_activation_that_is_cut_anywhere(policy, window_s, before, cut):
    judge([*before, ("declare", window_s, 3_600), ("cut", cut), ("outage", 250, 10), ("wait", 400)], policy=policy)


@settings(max_examples=60 * SCALE)
@given(POLICIES, st.lists(ROUGH, max_size=15), st.sampled_from([1, 2, 3]), st.data())
def test_damage_leaves_no_flag_and_no_exception(policy, operations, which, data):
    life = Life(policy=policy)
    with told_where_it_ends(life):
        life.run(operations)
        hub = life.world.hub
        for part in (0, 1):
            for _ in range(len(hub.records[part]) if which >> part & 1 else 0):
                if hub.records[part] and data.draw(st.booleans()):
                    life.world.step("lose", part, data.draw(st.integers(0, len(hub.records[part]) - 1)))
        life.world.step("damage", which)
        life.world.step("cut", 1 << 28)
        life.do_reset(0.3, 1)
        start = life.world.now
        life.world.store(True)
        life.world.back(200)
        life.world.lose(200)
        life.settle()
    told = [e for e in life.world.hub.log if e.name == "decision" and e.time >= start + 200_000]
    assert told and {entry.values["level"] for entry in told} == {s.LEVEL_PLAIN}


@settings(max_examples=150 * SCALE)
@given(POLICIES, st.lists(ROUGH, max_size=20), st.lists(MIX, min_size=1, max_size=6))
def test_a_compacted_journal_folds_to_the_same(policy, before, after):
    """RecoveryIdempotent: what a hub does from the records and from their snapshot differs in nothing that is sent."""
    told = []
    for compact in (False, True):
        life = Life(policy=policy)
        life.run(before)
        if not life.alive:
            life.settle()
        world = life.world
        world.step("cut", 1 << 28)
        if compact:
            world.step("compact")
        world.step("off")
        mark = len(world.hub.log)
        world.boot(s.RESET_OTHER)
        life.run([*after, ("wait", 400)])
        told.append([said(entry) for entry in world.hub.log[mark:] if entry.kind == "send"])
    assert set(told[0]) == set(told[1])
    assert [what for what in told[0] if what[0] == "flag_ack"] == [what for what in told[1] if what[0] == "flag_ack"]


def said(entry):
    """What a message says, but for durations: a snapshot knows how long an open outage has lasted to the second."""
    fields = ("id", "revision", "level", "source", "flag_counter", "window_s", "counter", "reason", "floor")
    return (entry.name, *(entry.values.get(field) for field in fields))


@settings(max_examples=40 * SCALE)
@given(st.integers(200, 40_000), st.integers(200, 6_000))
def test_no_rhythm_of_the_rail_wears_the_flash(out_ms, good_ms):
    world = World()
    world.power_on()
    start = world.now
    while world.now - start < 600_000:
        world.lose(out_ms / 1000)
        world.back(good_ms / 1000)
    records = [entry for entry in world.hub.log if entry.kind == "journal" and entry.time >= start]
    assert len(records) <= 2 * (16 + 1) + 4 * 600 / 30 + 10


@pytest.mark.parametrize("name", ["replay_text", "dump"])
def test_a_failure_can_be_printed(name):
    life = Life()
    life.run([("outage", 200, 10), ("declare", 300, 600)])
    assert "declare" not in getattr(life.world, name)() and len(getattr(life.world, name)()) > 500
