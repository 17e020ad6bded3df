"""How an outage ends by the shipped core's own policy and energy: from its decisions, as taken or changed a little."""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

from chf.core import energy, limits, policy
from chf.core.limits import Config
from chf.wire import schema as s
from host_tools.story.reasons import reasons

_DOMAINS = [range(len(words.split())) for words in policy.VALUES]
# What an input costs that is taken to have been other than the record suggests: the surest costs most.
_WEIGHTS = {"hold": 1, "energy": 2, "mute": 2, "known": 4, "window": 4, "told": 8, "policy": 16, "flag": 16}
_ANSWERS = (policy.HOLD_ACKED, policy.HOLD_IMPOSSIBLE)


class Row(NamedTuple):
    """One row of the policy table: its name, the level that it gives, its reason."""

    name: str
    level: int
    reason: str


class Step(NamedTuple):
    """One decision. inputs: by column. answer: what a head-end that was asked said; None where it was not asked."""

    elapsed_s: int
    holdup_mv: int
    inputs: dict[str, int]
    answer: int | None


class Change(NamedTuple):
    """What is otherwise. An input by its column; the hold-up by so much; the flag's window; the outage's length."""

    inputs: dict[str, int] = {}  # noqa: RUF012 - never written
    delta_mv: int = 0
    window_s: int | None = None
    duration_s: int | None = None
    answer: int | None = None


class World(NamedTuple):
    """One decided outage. start: its level before the first step that is on record. duration_s: None while it lasts or
    where not proven. measured: the energy parameters are those of its hub."""

    config: Config
    start: int
    steps: list[Step]
    window_s: int
    source: int
    duration_s: int | None
    measured: bool

    def can_hold(self, holdup_mv: int, left_s: int) -> bool:
        return energy.can_hold(self.config, max(0, holdup_mv), max(0, left_s))


def row_of(index: int) -> Row | None:
    """The row of the policy table with that index, None where these tools' firmware has none."""
    for at, (name, level, _cause, _words) in enumerate(policy.rows()):
        if at == index:
            return Row(name, level, reasons()[at])
    return None


@functools.cache
def _decide(inputs: tuple[int, ...]) -> tuple[int, int]:
    row, level, _cause = policy.decide(inputs)
    return row, level


def decide(inputs: dict[str, int]) -> tuple[int, int]:
    """(row, level) of the core's decision on those inputs, by column."""
    return _decide(tuple(inputs[name] for name in policy.COLUMNS))


def _level(inputs: dict[str, int]) -> int:
    return decide(inputs)[1]


def world_of(decisions: list[tuple[dict[str, Any], int]], held: bool, duration_s: int | None, config: Config) -> World:
    """The world around an outage's decisions: (decision record, level before it), oldest first.

    held: another outage was held within the 24 h before. Raises ValueError where no inputs lead this firmware's table
    to a recorded row.
    """
    steps: list[Step] = []
    measured = True
    asked: Step | None = None
    start = decisions[0][1]
    for told, before in decisions:
        inputs = _inputs(told, before, held, config)
        elapsed_s = _elapsed_s(told)
        enough = energy.can_hold(config, told["holdup_mv"], max(0, told["window_s"] - elapsed_s))
        answer = None
        if before == s.LEVEL_ASKED and inputs["hold"] == policy.HOLD_ACKED and told["level"] > s.LEVEL_HELD:
            before = s.LEVEL_HELD  # what was decided in between is no longer on record
            start = before if not steps else start
        if before <= s.LEVEL_ASKED and inputs["hold"] in _ANSWERS:
            # Asked and answered: one decision, taken when the question was put.
            answer = inputs["hold"]
            start = s.LEVEL_NONE if not steps else start
            inputs = {**inputs, "hold": policy.HOLD_UNASKED, "told": policy.NO, "energy": policy.YES}
            if asked is not None:
                steps.pop()
                steps.append(asked._replace(answer=answer))
                asked = None
                continue
        step = Step(elapsed_s, told["holdup_mv"], inputs, answer)
        measured = measured and enough == (inputs["energy"] == policy.YES)
        asked = step if told["level"] == s.LEVEL_ASKED else None
        steps.append(step)
    last = decisions[-1][0]
    return World(config, start, steps, last["window_s"], int(last["source"]), duration_s, measured)


def _elapsed_s(told: dict[str, Any]) -> int:
    unknown = told["elapsed_s"] == s.UNKNOWN_S
    return limits.AD1_THRESHOLD_MS // 1000 if unknown else int(told["elapsed_s"])


def _inputs(told: dict[str, Any], before: int, held: bool, config: Config) -> dict[str, int]:
    """The inputs of a recorded decision: as the record suggests, but where its row requires something else."""
    unknown = told["elapsed_s"] == s.UNKNOWN_S
    left_s = max(0, told["window_s"] - _elapsed_s(told))
    guess = {
        "known": policy.NO if unknown else policy.YES,
        "flag": int(told["source"]),
        "policy": int(told["policy"]),
        "window": policy.YES if left_s and not unknown else policy.NO,
        "told": policy.YES if before > s.LEVEL_NONE else policy.NO,
        "mute": policy.NO if held and before != s.LEVEL_HELD else policy.YES,
        "energy": policy.YES if energy.can_hold(config, told["holdup_mv"], left_s) else policy.NO,
        "hold": policy.HOLD_ACKED if before == s.LEVEL_HELD else policy.HOLD_UNASKED,
    }
    best: tuple[int, tuple[int, ...]] | None = None
    for trial in itertools.product(*_DOMAINS):
        cost = sum(
            _WEIGHTS.get(name, 1)
            for name, value in zip(policy.COLUMNS, trial, strict=True)
            if guess.get(name, value) != value
        )
        if (best is None or cost < best[0]) and _decide(trial)[0] == told["row"]:
            best = (cost, trial)
    if best is None:
        raise ValueError(f"no inputs lead to row {told['row']}")
    return dict(zip(policy.COLUMNS, best[1], strict=True))


def outcome(world: World, change: Change = Change()) -> int:  # noqa: B008 - an immutable
    """The level that the outage ends at, with that change."""
    window_s = world.window_s if change.window_s is None else change.window_s
    duration_s = world.duration_s if change.duration_s is None else change.duration_s
    level = world.start
    for step in world.steps:
        if duration_s is not None and step.elapsed_s > duration_s:
            continue
        inputs = {**step.inputs, **change.inputs}
        if step.inputs["window"] == policy.YES or window_s != world.window_s:
            inputs["window"] = policy.YES if step.elapsed_s < window_s else policy.NO
        if world.measured:
            enough = world.can_hold(step.holdup_mv + change.delta_mv, window_s - step.elapsed_s)
            inputs["energy"] = policy.YES if enough else policy.NO
        inputs["told"] = policy.YES if level > s.LEVEL_NONE else policy.NO
        if step.inputs["hold"] == policy.HOLD_ACKED and level != s.LEVEL_HELD:
            inputs["hold"] = policy.HOLD_UNASKED
        level = max(level, _answered(inputs, step.answer if change.answer is None else change.answer))
    if s.LEVEL_NONE < level < s.LEVEL_PLAIN and duration_s is not None and duration_s >= window_s:
        overrun = {**world.steps[-1].inputs, **change.inputs, "window": policy.NO, "told": policy.YES}
        level = max(level, _level(overrun))
    return level


def _answered(inputs: dict[str, int], answer: int | None) -> int:
    """The level of those inputs, and of the head-end's answer where they lead to a question; one not asked accepts."""
    level = _level(inputs)
    if level == s.LEVEL_ASKED:
        level = _level({**inputs, "hold": policy.HOLD_ACKED if answer is None else answer})
    return level
