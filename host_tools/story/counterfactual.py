"""What would have ended an outage otherwise: the smallest change in each dimension, found by running the core again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chf.core import limits, policy
from chf.wire import schema as s
from host_tools.names import constants
from host_tools.story.outcome import Change, World, decide, outcome

POLICIES = constants("POLICY_")
MV_MAX = 0xFFFF
OUTCOMES = {
    s.LEVEL_NONE: "there would have been no AD1",
    s.LEVEL_ASKED: "the head-end would have been asked to watch",
    s.LEVEL_HELD: "it would have been held",
    s.LEVEL_TAGGED: "the AD1 would have been tagged",
    s.LEVEL_PLAIN: "the AD1 would have been plain",
}
WITHOUT_AD1 = {  # of an outage that had none
    **OUTCOMES,
    s.LEVEL_NONE: "there would have been nothing to hold",
    s.LEVEL_TAGGED: "there would have been an AD1, tagged",
    s.LEVEL_PLAIN: "there would have been an AD1, plain",
}


class Flip(NamedTuple):
    """One change that flips the outcome. size: relative to what it changes, 1 for a yes or no. amount: in `unit`.

    level: the outcome with the change; now: without.
    """

    size: float
    dimension: str
    amount: int
    unit: str
    change: str
    level: int
    now: int = s.LEVEL_NONE

    @property
    def sentence(self) -> str:
        """ "With 38 mV more hold-up, it would have been held." """
        outcomes = OUTCOMES if self.now >= s.LEVEL_TAGGED else WITHOUT_AD1
        return f"{self.change[0].upper()}{self.change[1:]}, {outcomes[self.level]}."


def flips(world: World) -> list[Flip]:
    """The smallest change in each dimension that changes the outcome, nearest first; empty where none does."""
    now = outcome(world)
    found = [*_by_holdup(world, now), *_by_supply(world, now), *_by_window(world, now), *_by_words(world, now)]
    return sorted((flip._replace(now=now) for flip in found), key=lambda flip: flip.size)


def _by_holdup(world: World, now: int) -> Iterator[Flip]:
    """At every decision so much more, or less, than it was."""
    if not world.measured or not world.window_s:
        return
    deltas = set()
    for step in world.steps:
        least_mv = _least_mv(world, world.window_s - step.elapsed_s)
        if least_mv is not None:
            deltas.add(least_mv - step.holdup_mv if least_mv > step.holdup_mv else least_mv - step.holdup_mv - 1)
    for delta_mv in sorted(deltas, key=abs):
        level = outcome(world, Change(delta_mv=delta_mv))
        if level != now and all(step.holdup_mv + delta_mv >= 0 for step in world.steps):
            size = abs(delta_mv) / max(1, world.steps[-1].holdup_mv)
            change = f"with {abs(delta_mv)} mV {'more' if delta_mv > 0 else 'less'} hold-up"
            yield Flip(size, "hold-up", abs(delta_mv), "mV", change, level)
            return


def _least_mv(world: World, left_s: int) -> int | None:
    """The least hold-up that lasts for `left_s`, None where none does."""
    low, high = 0, MV_MAX
    if not world.can_hold(high, left_s):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if world.can_hold(middle, left_s) else (middle + 1, high)
    return low


def _by_supply(world: World, now: int) -> Iterator[Flip]:
    """Supply back earlier, or later."""
    duration_s = world.duration_s
    if duration_s is None:
        return
    trials = [(duration_s - step.elapsed_s + 1, "earlier", step.elapsed_s - 1) for step in world.steps]
    if duration_s < world.window_s:
        trials.append((world.window_s - duration_s, "later", world.window_s))
    for delta_s, word, other_s in sorted(trials):
        level = outcome(world, Change(duration_s=other_s))
        if delta_s > 0 and level != now:
            change = f"had supply come back {delta_s} s {word}"
            yield Flip(delta_s / max(1, duration_s), "supply", delta_s, "s", change, level)
            return


def _by_window(world: World, now: int) -> Iterator[Flip]:
    """The activation declared for longer, or shorter."""
    if not world.window_s or not world.measured:
        return
    for delta_s in range(1, limits.WINDOW_MAX_S):
        for other_s, word in ((world.window_s - delta_s, "shorter"), (world.window_s + delta_s, "longer")):
            if 0 < other_s <= limits.WINDOW_MAX_S:
                level = outcome(world, Change(window_s=other_s))
                if level != now:
                    # An inferred flag's window is the hub's own: nobody declared it.
                    what = "an activation declared to last" if world.source == s.SOURCE_DECLARED else "a window"
                    change = f"with {what} {delta_s} s {word}"
                    yield Flip(delta_s / world.window_s, "window", delta_s, "s", change, level)
                    return


def _by_words(world: World, now: int) -> Iterator[Flip]:
    """The dimensions that have no middle."""
    policies = sorted(POLICIES, key=lambda number: abs(number - world.steps[-1].inputs["policy"]))
    trials = [("policy", f"with policy {POLICIES[number]}", Change({"policy": number})) for number in policies]
    trials += _flag_trials(world)
    answers = {step.answer for step in world.steps}
    if policy.HOLD_IMPOSSIBLE in answers:
        words = "had the head-end accepted the watch in time"
        trials.append(("head-end", words, Change(answer=policy.HOLD_ACKED)))
    elif policy.HOLD_ACKED in answers:
        words = "had the head-end not accepted the watch"
        trials.append(("head-end", words, Change(answer=policy.HOLD_IMPOSSIBLE)))
    if any(step.inputs["hold"] == policy.HOLD_BROKEN for step in world.steps):
        stands = {"hold": policy.HOLD_ACKED, "known": policy.YES, "flag": world.source, "window": policy.YES}
        trials.append(("restart", "had the hub not restarted", Change(stands)))
    spent = any(step.inputs["mute"] == policy.NO for step in world.steps)
    words = f"had {'no' if spent else 'another'} outage been held in the 24 h before"
    trials.append(("mute", words, Change({"mute": policy.YES if spent else policy.NO})))
    flipped: set[str] = set()
    for dimension, words, change in trials:
        level = outcome(world, change)
        if level != now and dimension not in flipped:
            flipped.add(dimension)
            yield Flip(1.0, dimension, 1, "", words, level)
    last = world.steps[-1].inputs
    if decide(last) != decide({**last, "known": policy.YES}):
        words = "had the time come within 60 s of the restart and proven less than 180 s"
        yield Flip(1.0, "proof", 1, "", words, s.LEVEL_NONE)


def _flag_trials(world: World) -> list[tuple[str, str, Change]]:
    flags = {step.inputs["flag"] for step in world.steps}
    if flags != {s.SOURCE_NONE}:
        trials = []
        if s.SOURCE_NONE in flags:
            stands = Change({"flag": world.source})
            whose = "inferred" if world.source == s.SOURCE_INFERRED else "meter's"
            trials.append(("flag", f"had the {whose} flag still stood", stands))
        else:
            trials.append(("flag", "without the flag", Change({"flag": s.SOURCE_NONE})))
        if s.SOURCE_INFERRED in flags:
            words = "had the meter itself declared it"
            trials.append(("source", words, Change({"flag": s.SOURCE_DECLARED})))
        return trials
    last_s = max(step.elapsed_s for step in world.steps)
    window_s = max(last_s, world.duration_s or 0) + 1
    if window_s > limits.WINDOW_MAX_S or any(step.inputs["known"] == policy.NO for step in world.steps):
        return []
    declared = Change({"flag": s.SOURCE_DECLARED, "window": policy.YES}, window_s=window_s)
    return [("flag", f"had the meter declared an activation of {window_s} s or more in time", declared)]
