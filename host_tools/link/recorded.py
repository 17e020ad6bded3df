"""A bench's line that keeps what passes over it, as the hub hears and says it, and what its rig does to the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host_tools import frames
from host_tools.link.capture import Flash, Item, Kept, Lines, Power

_LINKS = ("han", "wan", "bench")
Keep = Callable[[Kept], None]


class Doings:
    """What a rig does to its hub, from watch() on."""

    def __init__(self) -> None:
        self._kept: list[Kept] | None = None
        self._lines: Lines | None = None

    def watch(self, now_ms: int) -> list[Kept]:
        """From now on all is added to this list; it begins with the lines of now. Take from it what is wanted."""
        self._kept = [] if self._lines is None else [self._lines._replace(at_ms=now_ms)]
        return self._kept

    def measures(self, at_ms: int, signals: dict[str, Any]) -> None:
        """What the hub is told of its lines, where that is new: bits and holdup_mv."""
        lines = Lines(at_ms, signals["bits"], signals["holdup_mv"])
        if self._lines is None or self._lines[1:] != lines[1:]:
            self._lines = lines
            self.add(lines)

    def add(self, done: Lines | Power | Flash) -> None:
        if self._kept is not None:
            self._kept.append(done)


class Recorded:
    """A bench.Line around another. `keep` gets each entry of a capture, in order.

    Nearer to the hub than a bench's own capture: what a hostile line loses, cuts or spoils on its way is not there.
    rig: a virtual rig, whose doings are then kept, too.
    """

    def __init__(self, line: Any, keep: Keep, rig: Any = None) -> None:
        self._line = line
        self._keep = keep
        self._rig = rig
        self._done: list[Kept] = rig.doings.watch(rig.now_ms) if hasattr(rig, "doings") else []
        self._to_hub: dict[str, frames.Deframer] = {}
        self._from_hub: dict[int, frames.Deframer] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    @property
    def now_ms(self) -> int:
        return int(self._line.now_ms)

    def write(self, link: str, octets: bytes) -> None:
        """As of the line beneath."""
        at_ms = self.now_ms
        self._line.write(link, octets)
        self._of_rig()
        for content in self._to_hub.setdefault(link, frames.Deframer()).feed(octets):
            self._keep(Item(at_ms, True, content))

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """As of the line beneath."""
        self._of_rig()
        said: list[tuple[int, bytes]] = self._line.step(until_ms)
        self._heard(said)
        return said

    def power_on(self) -> list[tuple[int, bytes]]:
        """As of the rig: the hub's first words are kept, too."""
        said: list[tuple[int, bytes]] = self._rig.power_on()
        self._heard(said)
        return said

    def _heard(self, said: list[tuple[int, bytes]]) -> None:
        self._of_rig()
        for index, octets in said:
            for content in self._from_hub.setdefault(index, frames.Deframer()).feed(octets):
                self._keep(Item(self.now_ms, False, content))

    def _of_rig(self) -> None:
        for entry in self._done:
            self._keep(entry)
        self._done.clear()


def about(identity: dict[str, Any], rig: Any, seed: int | None = None) -> dict[str, Any]:
    """What a capture's header says of a hub and its rig, for capture.Writer: never a key.

    seed: of the virtual hub's identity, from which its keys follow: they are no secret. None for a real hub.
    """
    values: dict[str, Any] = {"hub": {name: value for name, value in identity.items() if name != "keys"}}
    if seed is not None:
        values["identity_seed"] = seed
    stepped = getattr(rig, "speed", 1) == 0
    values["clock"] = "stepped" if stepped else "real"
    if stepped:
        values["baud"] = rig.baud
    return values
