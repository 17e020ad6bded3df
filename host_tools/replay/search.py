"""The replay of a capture: its runs, each with other guesses at what a capture cannot show, until one does not part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from host_tools.link.capture import FLASH_REPLACED, Lines
from host_tools.replay.doings import Doubt
from host_tools.replay.lines import inferred, read_lines
from host_tools.replay.loaded import Loaded, load
from host_tools.replay.run import EXTRA, MISSING, Part, Run
from host_tools.replay.start import Start, start_of

STEPPED_TOLERANCE_MS = 300  # a replay's flash and line take no time: a long frame takes 0.27 s, an erase 0.05 s
REAL_TOLERANCE_MS = 1_000
RUNS_MAX = 40  # guesses: the time that a replay takes stays linear in its capture
GAIN_MS = 20_000  # a guess at a lost frame is worth no notice that carries no further
_LOST_WITHIN_MS = 20_000  # a peer repeats what is not answered
_LOST_MAX = 3  # frames that may be lost are looked for so far back


@dataclass
class Result:
    """What a replay came to. part: None where hub and reference say the same. assumed, taken, notes: for people.

    assumed: what the capture does not say of the start; taken: what else had to be guessed for them to say the same.
    compared: frames of the hub that the reference has said as well. keyed: MACs were checked. identity: with which it
    was replayed. lines: that were given, not inferred. forged: the frames (by id()) whose MAC is wrong.
    """

    loaded: Loaded
    part: Part | None
    compared: int
    tolerance_ms: int
    assumed: list[str]
    taken: list[str]
    notes: list[str]
    keyed: bool
    identity: dict[str, Any]
    lines: list[Lines]
    forged: set[int]


def replay(
    path: Path,
    *,
    identity: dict[str, Any] | None = None,
    lines: Path | None = None,
    tolerance_ms: int | None = None,
    lossless: bool = False,
) -> Result:
    """Replay a capture through the shipped core and shell. Raises BenchError, code 2: what cannot be replayed.

    identity: the hub's, with its keys; without it MACs are not checked, but for a virtual hub's, whose keys are known.
    lines: a file of sense lines, in place of the capture's own. tolerance_ms: how far apart the two may say the same.
    lossless: every frame of the capture reached the hub; else one that its sender repeats may not have.
    """
    loaded = load(path)
    given = read_lines(lines) if lines is not None else loaded.lines
    guessed = not given
    if guessed:
        given = inferred(loaded)
    start = start_of(loaded, identity, given)
    if guessed and given:
        start.assumed.append("the sense lines are what the hub says of them; a loss under 180 s does not show")
    if tolerance_ms is None:
        tolerance_ms = _tolerance(loaded.header)
    search = _Search(loaded, start, given, tolerance_ms, guessed, lossless)
    run = search.best()
    notes = [*loaded.notes, *_flash(loaded, run.part)]
    return Result(
        loaded,
        run.part,
        run.compared,
        tolerance_ms,
        start.assumed,
        _taken(loaded, run.start, run.doubt),
        notes,
        start.keyed,
        start.identity,
        [] if guessed else given,
        run.forged,
    )


def _tolerance(header: dict[str, Any]) -> int:
    told = header.get("tolerance_ms")
    if isinstance(told, int) and not isinstance(told, bool) and told >= 0:
        return told
    return STEPPED_TOLERANCE_MS if header.get("clock") == "stepped" else REAL_TOLERANCE_MS


class _Search:
    def __init__(
        self, loaded: Loaded, start: Start, lines: list[Lines], tolerance_ms: int, guessed: bool, lossless: bool
    ) -> None:
        self.lossless = lossless
        self.loaded = loaded
        self.start = start
        self.lines = lines
        self.tolerance_ms = tolerance_ms
        self.guessed = guessed
        self.runs = 0

    def best(self) -> Run:
        """The run that goes on longest."""
        best = self._run(Doubt())
        while best.part is not None:
            better = self._better(best)
            if better is None:
                break
            best = better
        return best

    def _run(self, doubt: Doubt) -> Run:
        self.runs += 1
        run = Run(self.loaded, self.start, self.lines, self.tolerance_ms, self.guessed, doubt)
        run.play()
        return run

    def _better(self, before: Run) -> Run | None:
        assert before.part is not None
        best: Run | None = None
        for doubt, gain_ms in _guesses(self.loaded, before, self.tolerance_ms):
            if self.runs >= RUNS_MAX:
                break
            if self.lossless and doubt.lost:
                continue
            run = self._run(doubt)
            if run.part is None:
                return run
            further = run.part.at_ms >= before.part.at_ms + gain_ms and run.compared > before.compared
            if further and (best is None or best.part is None or run.part.at_ms > best.part.at_ms):
                best = run
        return best


def _guesses(loaded: Loaded, run: Run, tolerance_ms: int) -> Iterator[tuple[Doubt, int]]:
    """(another guess, by how much it must put off the parting) for what may have led to it, the likeliest first."""
    part, doubt, start = run.part, run.doubt, run.start
    assert part is not None
    ended = [(at, one) for at, one in enumerate(start.power) if not one.on and one.at_ms <= part.at_ms + tolerance_ms]
    for index, _ in ended[-1:]:
        for count in range(run.could_tear.get(index, 0) + 1):
            if count != doubt.torn.get(index, 0):
                yield replace(doubt, torn={**doubt.torn, index: count}), 1
    heard = [one.at_ms for one in loaded.frames if not one.to_hub and one.at_ms <= part.at_ms]
    silent = sorted({part.at_ms - 1, *(one + 1 for one in heard[-1:])}, reverse=True)  # when it may have gone off
    if start.first is not None and not (doubt.restarted or doubt.stops or doubt.resets):
        for at_ms in silent:
            if at_ms < start.first.at_ms:
                yield replace(doubt, restarted=True, stops={1: at_ms}), 1
    if not loaded.power:
        coming = [at for at, one in enumerate(start.power) if not one.on and one.at_ms >= part.at_ms]
        if part.kind == MISSING and coming and not _heard_between(loaded, part.at_ms, start.power[coming[0]].at_ms):
            for at_ms in silent:
                yield replace(doubt, stops={**doubt.stops, coming[0]: at_ms}), 1
        for index in [at for at, one in enumerate(start.power) if one.on and at and one.at_ms <= part.at_ms][-1:]:
            other = s.RESET_OTHER if start.power[index].why == "power-on" else s.RESET_POWER_ON
            if index not in doubt.resets:
                yield replace(doubt, resets={**doubt.resets, index: other}), 1
    if doubt.unknown == 1.0 and "id" in ((part.reference or part.hub or loaded.frames[0]).values or {}):
        yield replace(doubt, unknown=0.0), 1
        yield replace(doubt, unknown=0.5), 1
    if start.utc is not None and doubt.into_ms == 500:
        for into_ms in (0, 250, 750, 1_000, 1_500, 1_999):
            yield replace(doubt, into_ms=into_ms), 1
    if part.kind in (EXTRA, MISSING):
        for lost in _maybe_lost(loaded, part, doubt):
            yield replace(doubt, lost=doubt.lost | lost), GAIN_MS


def _heard_between(loaded: Loaded, from_ms: int, to_ms: int) -> bool:
    return any(not one.to_hub and from_ms < one.at_ms < to_ms for one in loaded.frames)


def _maybe_lost(loaded: Loaded, part: Part, doubt: Doubt) -> list[frozenset[int]]:
    """Frames to the hub that their sender has repeated, the latest before they part first: it, and all its repeats."""
    again: dict[bytes, list[int]] = {}
    for index, frame in enumerate(loaded.frames):
        if frame.to_hub and abs(frame.at_ms - part.at_ms) <= _LOST_WITHIN_MS and index not in doubt.lost:
            again.setdefault(frame.content, []).append(index)
    found = []
    for indexes in again.values():
        before = [index for index in indexes if loaded.frames[index].at_ms <= part.at_ms]
        if before and len(indexes) > 1:
            found += [frozenset(before[-1:]), frozenset(indexes)]
    return sorted(found, key=max, reverse=True)[: 2 * _LOST_MAX]


def _taken(loaded: Loaded, start: Start, doubt: Doubt) -> list[str]:
    """The guesses, for people."""
    told = []
    for index in sorted(doubt.lost):
        frame = loaded.frames[index]
        told.append(
            f"{frame.name} at {frame.at_ms / 1000:.3f} s, which its sender repeats, never reached the hub, "
            "or was not authentic"
        )
    if doubt.restarted and start.first is not None:
        told.append(f"the hub started anew at {start.first.at_ms / 1000:.3f} s")
    for index, at_ms in sorted(doubt.stops.items()):
        begun = start.power[index + 1].at_ms if index + 1 < len(start.power) else at_ms
        told.append(f"the hub was off from {at_ms / 1000:.3f} s to {begun / 1000:.3f} s")
    for index, reset in sorted(doubt.resets.items()):
        what = "a return of power" if reset == s.RESET_POWER_ON else "a reset"
        told.append(f"the start at {start.power[index].at_ms / 1000:.3f} s was {what}")
    for index, count in sorted(doubt.torn.items()):
        if count:
            at_s = start.power[index].at_ms / 1000
            told.append(f"when the hub stopped, at {at_s:.3f} s, its last {count} writes to the journal were not whole")
    return told


def _flash(loaded: Loaded, part: Part | None) -> list[str]:
    """Where they part over a journal that failed or was changed, and the capture does not show how."""
    if part is None:
        return []
    for one in loaded.flash:
        if one.what == FLASH_REPLACED and one.at_ms <= part.at_ms:
            return [f"The hub's flash was replaced at {one.at_ms / 1000:.3f} s: the reference's was not."]
    for frame in loaded.frames if not loaded.flash else ():
        values: dict[str, Any] = frame.values or {}
        if not frame.to_hub and (values.get("damaged", 0) or values.get("bits", 0) & s.SENSE_STORE_FAULT):
            return [
                f"The hub's journal was damaged or could not be written, it says at {frame.at_ms / 1000:.3f} s: "
                "the reference's flash is good."
            ]
    return []
