"""One pass of a capture through the reference: what the two say is compared frame by frame, until they part."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from chf.wire import schema as s
from chf.wire.codec import pack, type_of
from host_tools import frames
from host_tools.link.capture import Lines
from host_tools.replay.doings import ACT, FLASH, LINES, OFF, ON, Doubt, events_of, strapped
from host_tools.replay.loaded import Loaded, Passed, parsed, past_of, slack_of
from host_tools.replay.reference import Reference
from host_tools.replay.start import Start
from host_tools.replay.tokens import Differs, Tokens

LOOK_ON_MS = 60_000  # after they part: does the other say it, too, only later?
_SPREAD = ("ad1", "restored")  # what the core repeats at random offsets

DIFFERS = "differs"  # both speak, and say different things
EXTRA = "extra"  # the hub speaks, the reference does not
MISSING = "missing"  # the reference speaks, the hub does not
MAC = "mac"  # the hub's MAC is not what its keys make


class Part(NamedTuple):
    """Where hub and reference part. hub, reference: the frames; None for the one that is silent.

    later: the one that was silent says it at another time: that frame. fields: what they say differently.
    """

    kind: str
    at_ms: int
    hub: Passed | None
    reference: Passed | None
    fields: list[Differs]
    later: Passed | None = None


class Run:
    """play() returns the first Part, or None. compared: frames of the hub that the reference has said as well.

    could_tear: of each end in start.power, how many writes there were just before. forged: frames, by their id(), whose
    MAC is wrong.
    """

    def __init__(
        self,
        loaded: Loaded,
        start: Start,
        lines: list[Lines],
        tolerance_ms: int,
        inferred: bool,
        doubt: Doubt,
    ) -> None:
        self.loaded = loaded
        self.start = start = start.restarted() if doubt.restarted else start
        self.tolerance_ms = tolerance_ms
        self.tokens = Tokens(
            max(1, -(-tolerance_ms // 1000)), inferred, start.ran, past_of(loaded) if start.ran else set()
        )
        self.compared = 0
        self.part: Part | None = None
        self.doubt = doubt
        self._slack = slack_of(loaded, tolerance_ms)
        self.could_tear: dict[int, int] = {}
        self.forged: set[int] = set()
        self._events = events_of(loaded, start, lines, doubt)
        moving = [one.at_ms for one in loaded.frames if one.link != s.LINK_BENCH] + [one.at_ms for one in start.power]
        moving += [one.at_ms for one, last in zip(lines[1:], lines, strict=False) if one.bits != last.bits]
        self._moments = sorted(moving)
        self._heard: dict[int, list[Passed]] = {}
        for frame in loaded.said():
            self._heard.setdefault(frame.link, []).append(frame)
        self._next = dict.fromkeys(self._heard, 0)
        self._matched: set[int] = set()  # ids of the capture's frames
        self._told: dict[bytes, list[Passed]] = {}
        for frame in loaded.said():
            if frame.values and frame.name in _SPREAD:
                self._told.setdefault(frame.values["id"], []).append(frame)
        self._answers: list[tuple[str, dict[str, Any]]] = []
        self._end_ms = loaded.end_ms
        self._until_ms: int | None = None
        self.reference = Reference(start.identity, start.epoch, self._on_said, self._next_of, doubt.unknown)

    def play(self) -> Part | None:
        hub = self.reference
        first_ms = self._events[0][0]
        hub.now_ms = first_ms
        if self.start.boot > 1:
            hub.age(self.start.boot - 1, strapped(self.loaded, self.start.power[0]))
        for at_ms, _, kind, what in self._events:
            self._run_until(at_ms)
            if self._over():
                break
            if kind == LINES:
                hub.measure(what)
            elif kind == ON:
                hub.power_on(what[0], what[1])
            elif kind == OFF:
                self.could_tear[what] = hub.writes(at_ms - self.tolerance_ms)
                hub.power_off(self.doubt.torn.get(what, 0))
            elif kind == FLASH:
                hub.change_flash(what)
            elif kind == ACT:
                self._act(*what)
            else:
                self._await(what)
                self._hear(what)
            self._answer()
        if not self._over():
            self._run_until(self._end_ms + self.tolerance_ms + 1)
        if self.part is not None and self._until_ms is not None:
            self._run_until(self._until_ms)
        return self.part

    def _await(self, frame: Passed) -> None:
        """What answers the hub must not come before the reference has said what it answers."""
        hub, place = self.reference, self.loaded.place(frame, 0)
        while any(self.loaded.place(one, place) < place for one in self._awaited()):
            due_ms = hub.next_ms()
            if due_ms is None or due_ms > frame.at_ms + self.tolerance_ms:
                return
            hub.run_until(due_ms)

    def _awaited(self) -> list[Passed]:
        """On each link the first frame of the hub that the reference has not said yet."""
        return [heard[at] for link, heard in self._heard.items() if (at := self._next[link]) < len(heard)]

    def _over(self) -> bool:
        return self.part is not None and (self._until_ms is None or self.reference.now_ms >= self._until_ms)

    def _run_until(self, at_ms: int) -> None:
        hub, begin_ms = self.reference, min(at_ms, self.start.begin_ms)
        while (due_ms := hub.next_ms()) is not None and due_ms <= begin_ms:
            hub.run_until(due_ms)
            self._answer()
        hub.run_until(at_ms)
        self._expire(at_ms)

    # ---- to the reference

    def _act(self, name: str, fields: dict[str, Any]) -> None:
        """A message of before the capture."""
        number = type_of(name)
        assert number is not None
        _, link, _, _, table = frames.MESSAGES[number]
        mark = s.BENCH_MARK if self.reference.marked() else 0
        key = self.reference.key(link)
        if key is not None:
            content = bytes(pack(table, fields, bytes((s.WIRE_VERSION, link | mark, number))))
            self.reference.hear(link, content + key.tag(content))

    def _answer(self) -> None:
        """The head-end of before the capture."""
        while self._answers:
            self._act(*self._answers.pop(0))

    def _hear(self, frame: Passed) -> None:
        content = frame.content
        key = self.reference.key(frame.link)
        if frame.values is not None and frame.mac is not None and key is not None:
            good = frame.authentic is not False and (not self.start.keyed or frames.authentic(content, key))
            if not good:
                self.forged.add(id(frame))
            else:
                values = self.tokens.for_reference(frame.values)
                table = frames.MESSAGES[content[2]][4]
                body = bytes(pack(table, values, content[: s.HEADER_LEN]))
                content = body + key.tag(body)
        self.reference.hear(frame.link, content)

    # ---- from the reference

    def _on_said(self, at_ms: int, content: bytes) -> None:
        said = parsed(at_ms, False, content)
        if at_ms < self.start.begin_ms - self.tolerance_ms:
            self._before(said)
            return
        self._expire(at_ms)
        if self.part is not None:
            self._look_on(said)
            return
        near = None
        for frame in self._window(said.link, at_ms):
            if frame.name != said.name or frame.values is None or said.values is None:
                continue
            fields = self.tokens.differences(frame.values, said.values)
            if not fields:
                self._match(frame)
                return
            near = near or (frame, fields)
        if near is not None and said.link == s.LINK_BENCH and self._moves(at_ms):
            self._match(near[0])
        elif near is not None:
            self._parts(Part(DIFFERS, near[0].at_ms, near[0], said, near[1]))
        elif at_ms + self.tolerance_ms <= self._end_ms and not self._dies(at_ms):
            self._parts(Part(MISSING, at_ms, None, said, [], self._later(said)))

    def _moves(self, at_ms: int) -> bool:
        """Whether so much as the tolerance from then something happens: what a bench asks is then not told apart."""
        at = bisect_left(self._moments, at_ms - self.tolerance_ms)
        return at < len(self._moments) and self._moments[at] <= at_ms + self.tolerance_ms

    def _dies(self, at_ms: int) -> bool:
        """Whether the hub of the capture ended before this could be heard."""
        return any(not one.on and at_ms <= one.at_ms <= at_ms + self.tolerance_ms for one in self.start.power)

    def _before(self, said: Passed) -> None:
        """What it says before the capture begins is answered as a head-end does."""
        values = said.values or {}
        if said.name == "time_request" and self.start.utc is not None:
            at_ms, utc = self.start.utc
            now = (utc * 1000 + self.doubt.into_ms + said.at_ms - at_ms) // 1000
            self._answers.append(("time_reply", {"nonce": values["nonce"], "utc": now, "counter": bytes(8)}))
        elif said.name == "ad1":
            self._answers.append(("ad1_ack", {"id": values["id"], "revision": values["revision"]}))
        elif said.name == "restored":
            self._answers.append(("restored_ack", {"id": values["id"]}))

    def _window(self, link: int, at_ms: int) -> list[Passed]:
        found = []
        heard = self._heard.get(link, [])
        at = self._next.get(link, 0)
        while at < len(heard) and heard[at].at_ms <= at_ms + self._slack[id(heard[at])]:
            if id(heard[at]) not in self._matched:
                found.append(heard[at])
            at += 1
        return found

    def _match(self, frame: Passed) -> None:
        key = self.reference.key(frame.link)
        if self.start.keyed and frame.mac is not None and key is not None and not frames.authentic(frame.content, key):
            self._parts(Part(MAC, frame.at_ms, frame, None, []))
            return
        self.compared += 1
        self._done(frame)

    def _done(self, frame: Passed) -> None:
        self._matched.add(id(frame))
        heard, at = self._heard[frame.link], self._next[frame.link]
        while at < len(heard) and id(heard[at]) in self._matched:
            at += 1
        self._next[frame.link] = at

    def _expire(self, now_ms: int) -> None:
        """What the hub has said and the reference has not, by now."""
        if self.part is not None:
            return
        awaited = [one for one in self._awaited() if one.at_ms < now_ms - self._slack[id(one)]]
        if awaited:
            late = min(awaited, key=lambda one: one.at_ms)
            if self.start.ran and late.at_ms <= self.start.begin_ms + self.tolerance_ms:
                self._done(late)  # it answers what was said before the capture began
                return
            self._parts(Part(EXTRA, late.at_ms, late, None, []))
            self._until_ms = min(late.at_ms + LOOK_ON_MS, max(self._end_ms, late.at_ms))

    def _parts(self, part: Part) -> None:
        if self.part is None:
            self.part = part

    def _look_on(self, said: Passed) -> None:
        """Does the reference say later what the hub said before?"""
        part = self.part
        if part is None or part.kind != EXTRA or part.later is not None or part.hub is None:
            return
        if said.name == part.hub.name and said.values is not None and part.hub.values is not None:
            fields = self.tokens.differences(part.hub.values, said.values)
            self.part = part._replace(later=said, fields=fields)
            self._until_ms = None

    def _later(self, said: Passed) -> Passed | None:
        for frame in self._heard.get(said.link, [])[self._next.get(said.link, 0) :]:
            if frame.at_ms > said.at_ms + LOOK_ON_MS:
                return None
            if frame.name == said.name and id(frame) not in self._matched:
                return frame
        return None

    def _next_of(self, outage_id: bytes, first_ms: int, last_ms: int) -> int | None:
        told = self._told.get(self.tokens.of_hub(outage_id), [])
        at = bisect_left(told, first_ms - self.tolerance_ms, key=_at)
        while at < len(told) and told[at].at_ms <= last_ms + self.tolerance_ms:
            if id(told[at]) not in self._matched:
                return min(max(told[at].at_ms, first_ms), last_ms)
            at += 1
        return None


def _at(frame: Passed) -> int:
    return frame.at_ms
