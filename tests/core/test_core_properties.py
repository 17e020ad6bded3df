"""Random lives of a hub, judged by the oracle: edges, restarts between any two effects, messages, losses, a bad store.

A failure prints the script: replay.Hub(options).run(script) repeats it. CHF_EXAMPLES=20 searches 20 times as long.
"""

import os

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from chf.wire import schema as s
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


class Life:
    """Takes operations as they come; those that make no sense at the moment do nothing."""

    def __init__(self, **options):
        self.world = World(**options)
        self.world.power_on()

    def run(self, operations):
        for name, *args in operations:
            getattr(self, "do_" + name)(*args)

    @property
    def alive(self):
        return self.world.hub.sup is not None

    def do_outage(self, out_s, good_s):
        self.world.lose(out_s)
        self.world.back(good_s)

    def do_lose(self, seconds):
        self.world.lose(seconds)

    def do_back(self, seconds):
        self.world.back(seconds)

    def do_blink(self, good_s, out_s):
        if not self.world.lit:
            self.world.back(good_s)
            self.world.lose(out_s)

    def do_wait(self, seconds):
        self.world.wait(seconds)

    def do_declare(self, window_s, valid_s):
        if self.alive:
            self.world.declare(window_s, valid_s)

    def do_complete(self):
        if self.alive:
            self.world.complete()

    def do_cancel(self):
        if self.alive:
            self.world.cancel()

    def do_repeat(self):
        if self.alive and self.world.last_message:
            self.world.repeat()

    def do_stale(self):
        if self.alive:
            self.world.declare(window_s=599, number=max(1, self.world.esme_counter - 1))

    def do_policy(self, policy):
        if self.alive:
            self.world.wan_counter += 1
            number = self.world.wan_counter.to_bytes(8, "big")
            self.world.deliver("set_policy", {"counter": number, "policy": policy})

    def do_exchange(self):
        if self.alive:
            self.world.wan_counter += 1
            number = self.world.wan_counter.to_bytes(8, "big")
            fields = {"counter": number, "peer": s.PEER_ESME, "key": bytes(range(32))}
            self.world.deliver("rotate_key", fields)

    def do_late_hold_ack(self):
        notices = self.world.sent("hold_notice")
        if self.alive and notices:
            values = notices[-1].values
            self.world.deliver("hold_ack", {"id": values["id"], "window_s": values["window_s"], "accepted": 1})

    def do_holds(self, holds):
        self.world.holds = holds

    def do_wan(self, works):
        self.world.wan = works

    def do_acks(self, acks):
        self.world.acks = acks

    def do_time(self, offset_s):
        self.world.time_offset_s = offset_s

    def do_reset(self, off_s, then_s):
        if self.alive:
            self.world.reset(off_s)
        self.world.wait(then_s)

    def do_cut(self, after):
        self.world.cut(after)

    def do_power_cut(self, seconds):
        if self.alive and not self.world.lit:
            self.world.power_cut()
        self.world.wait(seconds)

    def do_compact(self):
        if self.alive:
            self.world.step("compact")

    def do_holdup(self, mv):
        self.world.holdup(mv)

    def do_block(self, seconds):
        self.world.block(seconds)

    def do_store(self, works):
        self.world.store(works)

    def do_fail(self, index):
        self.world.fail_append(index)

    def settle(self):
        """All is good again for as long as it takes."""
        world = self.world
        world.store(True)
        world.wan = world.acks = world.holds = True
        world.time_offset_s = 0
        world.step("cut", 1 << 28)
        world.holdup(5_000)
        world.back(7_200)
        if not self.alive:
            world.boot(s.RESET_POWER_ON)
            world.wait(7_200)


def judge(operations, **options):
    life = Life(**options)
    try:
        life.run(operations)
        life.settle()
        Oracle(life.world).check(settled=True)
    except BaseException:
        note(life.world.replay_text())
        raise
    return life.world


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
    try:
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
    except BaseException:
        note(life.world.replay_text())
        raise
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
