"""A bench: a hub behind a line, simulated peers on its links, and time; every frame that passes is captured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from chf.wire import schema as s
from host_tools import frames
from host_tools.errors import BenchError
from host_tools.sim.peer import Peer

LINKS = {s.LINK_HAN: "han", s.LINK_WAN: "wan", s.LINK_BENCH: "bench"}
ANSWER_MS = 3_000  # how long a hub may take to answer a bench message


class Line(Protocol):
    """What carries octets and time: the virtual rig, or serial ports in real time."""

    @property
    def now_ms(self) -> int: ...

    def write(self, link: str, octets: bytes) -> None: ...

    def step(self, until_ms: int) -> list[tuple[int, bytes]]: ...


@dataclass(frozen=True)
class Captured:
    """One frame as it went over a link."""

    at_ms: int
    to_hub: bool
    content: bytes

    @property
    def frame(self) -> frames.Frame:
        return frames.parse(self.content)


# Takes one frame's octets as they go over the line; returns what comes out at the other end.
Tamper = Callable[[bytes], list[bytes]]


class Bench:
    """Peers on a line. `tamper[link, to_hub]` does to a link's octets what a hostile line would.

    plays_hub: the peers are a hub's side, and what is behind the line is a meter.
    """

    def __init__(self, line: Line, peers: list[Peer], marked: bool = True, plays_hub: bool = False) -> None:
        self.line = line
        self._to_hub = not plays_hub  # what this side sends
        self.peers = peers
        self.marked = marked
        self.capture: list[Captured] = []
        self.tamper: dict[tuple[int, bool], Tamper] = {}
        self._deframers: dict[int, frames.Deframer] = {}
        self._inbox: list[Captured] = []
        for peer in peers:
            peer.transmit = lambda content, link=peer.link: self.transmit(link, content)  # type: ignore[misc]

    @property
    def now_ms(self) -> int:
        return self.line.now_ms

    # ---- out

    def transmit(self, link: int, content: bytes) -> None:
        """One frame to what is behind the line: the hub."""
        self.capture.append(Captured(self.now_ms, self._to_hub, content))
        tamper = self.tamper.get((link, self._to_hub))
        octets = frames.to_wire(content)
        for piece in tamper(octets) if tamper else [octets]:
            self.line.write(LINKS[link], piece)

    # ---- in

    def deliver(self, said: list[tuple[int, bytes]]) -> None:
        """What the hub has said goes to the capture and to the peers."""
        for index, octets in said:
            link = (s.LINK_HAN, s.LINK_WAN, s.LINK_BENCH)[index]
            tamper = self.tamper.get((link, not self._to_hub))
            deframer = self._deframers.setdefault(index, frames.Deframer())
            for piece in tamper(octets) if tamper else [octets]:
                for content in deframer.feed(piece):
                    self._on_content(content)

    def _on_content(self, content: bytes) -> None:
        captured = Captured(self.now_ms, not self._to_hub, content)
        self.capture.append(captured)
        link = content[1] & s.LINK_MASK
        if link == s.LINK_BENCH:
            self._inbox.append(captured)
        for peer in self.peers:
            if peer.link == link:
                peer.on_frame(content, self.now_ms)

    # ---- time

    def advance(self, ms: int = 0, *, until: Callable[[], bool] | None = None) -> bool:
        """Let `ms` pass, or less where `until` comes true; whether it did. Peers act and answer meanwhile."""
        end = self.now_ms + ms
        while True:
            for peer in self.peers:
                peer.run(self.now_ms)
            if until is not None and until():
                return True
            if self.now_ms >= end and ms:
                return False
            limit = end
            for peer in self.peers:
                due = peer.next_ms()
                if due is not None:
                    limit = min(limit, max(due, self.now_ms))
            before = self.now_ms
            said = self.line.step(limit)
            self.deliver(said)
            if not ms and not said and self.now_ms == before:
                return until is not None and until()

    def wait_for(self, what: str, until: Callable[[], bool], within_ms: int) -> None:
        """Advance until it comes true. Raises BenchError, naming `what`, after `within_ms`."""
        if not self.advance(within_ms, until=until):
            raise BenchError(f"No {what} within {within_ms / 1000:g} s.")

    # ---- the BENCH link

    def ask(self, name: str, fields: dict[str, Any] | None = None, answer: str | None = None) -> frames.Frame:
        """Send a bench message and return the hub's answer. Raises BenchError where none comes or it refuses."""
        self._inbox.clear()
        self.transmit(s.LINK_BENCH, frames.build(name, fields or {}))
        # A hub that runs faster than real time still needs real time to answer.
        within_ms = ANSWER_MS * max(1, getattr(self.line, "speed", 1))
        self.wait_for(f"answer to '{name}'", lambda: bool(self._inbox), within_ms)
        frame = self._inbox.pop(0).frame
        if answer is not None and frame.name != answer:
            raise BenchError(f"The hub answered '{name}' with: {frames.describe(frame)}.")
        return frame
