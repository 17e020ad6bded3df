"""A simulated meter's body: mains, 12 V for its hub, memory, HAN port, clock; a rig and a bench's line in one."""

from __future__ import annotations

from typing import Any

from host_tools import frames
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.sim.meter import Meter, Nvm
from host_tools.sim.meter_kinds import KINDS

TRANSIT_MS = 2  # a frame's time on the line, so that an answer is later than its question
CAPABILITIES = frozenset(
    {"activate", "bad-image", "cancel", "cs06", "hours", "mains-cut", "stepped-time", "supply-sense"}
)


class MeterBody:
    """edges: (ms, good) of the 12 V. Time goes on in step() only. Raises BenchError for a kind that there is not."""

    capabilities = CAPABILITIES
    simulated = "the meter, its mains, its supply to the hub and its time are simulated"
    speed = 1

    def __init__(self, identity: dict[str, Any], kind: str = "good", marked: bool = True) -> None:
        if kind not in KINDS:
            raise BenchError(f"There is no kind of meter '{kind}': the kinds are {', '.join(KINDS)}.", EXIT_USAGE)
        self.kind = kind
        self.about = f"simulated meter '{kind}', {identity['esme']}"
        self.now_ms = 0
        self.edges: list[tuple[int, bool]] = []
        self.supply_good = False
        self.ports: list[int] = []  # nothing comes by itself
        self.nvm = Nvm()
        self.meter: Meter | None = None
        key = bytes.fromhex(identity["keys"]["bench_esme" if marked else "esme"])
        self._given = (bytes.fromhex(identity["esme"]), bytes.fromhex(identity["hub"]), key)
        self._marked = marked
        self._deframer = frames.Deframer()
        self._out = b""
        self.power_on()

    # ---- the bench's line

    def write(self, link: str, octets: bytes) -> None:
        """Octets of the hub; without power they are lost."""
        if link != "han" or self.meter is None:
            return
        for content in self._deframer.feed(octets):
            if self.meter is not None:
                self.meter.on_frame(content, self.now_ms)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """Let time pass until then, or until the meter has said something, [(0, octets)], or its supply has changed."""
        seen = len(self.edges)
        while not self._out and len(self.edges) == seen:
            due = None if self.meter is None else self.meter.next_ms()
            if due is None or due > until_ms:
                self.now_ms = max(self.now_ms, until_ms)
                return []
            self.now_ms = max(self.now_ms, due)
            assert self.meter is not None
            self.meter.run(self.now_ms)
        if not self._out:
            return []
        said, self._out = self._out, b""
        self.now_ms += TRANSIT_MS
        return [(0, said)]

    def _transmit(self, content: bytes) -> None:
        assert self.meter is not None
        self._out += self.meter.framed(content)

    def _supply(self, good: bool, now_ms: int) -> None:
        if good != self.supply_good:
            self.supply_good = good
            self.edges.append((now_ms, good))

    # ---- the rig

    def activate(self, bad: bool = False) -> None:
        """The meter's owner wants its waiting image activated; bad: one that will not run."""
        if self.meter is not None:
            self.meter.activate(self.now_ms, bad=bad)

    def cancel(self) -> None:
        if self.meter is not None:
            self.meter.cancel(self.now_ms)

    def cut_power(self) -> None:
        """The mains is gone, and with it all that the meter has not kept and the hub's supply."""
        self.meter = None
        self._out = b""
        self._supply(False, self.now_ms)

    def power_on(self) -> None:
        if self.meter is not None:
            return
        self.meter = KINDS[self.kind](*self._given, self.nvm, self._marked)
        self.meter.transmit = self._transmit
        self.meter.supply = self._supply
        self._deframer = self.meter.receiver()
        self._supply(True, self.now_ms)
        self.meter.boot(self.now_ms)

    def close(self) -> None:
        """Nothing is left behind."""
