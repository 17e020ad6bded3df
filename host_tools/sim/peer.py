"""What every simulated peer is: an address on one link, a key, a counter, and things that it does at a time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from chf.wire.auth import Key
from host_tools import frames
from host_tools.errors import BenchError

COUNTER_MAX = (1 << 64) - 1


class Peer:
    """Frames in, frames out, time as an argument (ms). A bench sets `transmit` and calls on_frame() and run().

    link: schema.LINK_*. key: 32 octets. marked: the hub's bench strap is fitted.
    """

    def __init__(self, link: int, key: bytes, marked: bool) -> None:
        self.link = link
        self.key = Key(key)
        self.marked = marked
        self.counter = 0
        self.transmit: Callable[[bytes], None] = lambda content: None
        self.unauthentic = 0  # frames from the hub that did not verify
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()

    def next_counter(self) -> bytes:
        """One that was never used. Raises BenchError once all are."""
        if self.counter >= COUNTER_MAX:
            raise BenchError("This peer's counter is used up: the hub takes nothing more until its key is rotated.")
        self.counter += 1
        return self.counter.to_bytes(8, "big")

    def send(self, name: str, fields: dict[str, Any], **options: Any) -> bytes:
        """Build, seal and transmit; returns the content, for a replay."""
        content = frames.build(name, fields, **{"key": self.key, "marked": self.marked, **options})
        self.transmit(content)
        return content

    def at(self, ms: int, action: Callable[[int], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._due, (ms, next(self._order), action))

    def next_ms(self) -> int | None:
        return self._due[0][0] if self._due else None

    def run(self, now_ms: int) -> None:
        """Do what is due."""
        while self._due and self._due[0][0] <= now_ms:
            heapq.heappop(self._due)[2](now_ms)

    def on_frame(self, content: bytes, now_ms: int) -> None:
        """One frame from the hub, its FCS good. One that does not parse is counted, as one that does not verify."""
        try:
            frame = frames.parse(content)
        except frames.FrameError:
            self.unauthentic += 1
            return
        if frame.link != self.link:
            return
        if frame.mac is not None and not self.verify(content):
            self.unauthentic += 1
            return
        handler = getattr(self, "on_" + frame.name, None)
        if handler is not None:
            handler(frame.fields, now_ms)

    def verify(self, content: bytes) -> bool:
        return self.key.verify(content, len(content) - 16, content[-16:])
