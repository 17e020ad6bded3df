"""The soft rig: a strapped hub overrides its own sense lines at the bench's word. It cannot cut the hub's power."""

from __future__ import annotations

from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.bench import ANSWER_MS, Line
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.link.recorded import Keep, Recorded
from host_tools.link.sense_wires import SenseWires

CAPABILITIES = frozenset({"supply", "sense-lines", "holdup", "restart"})
FULL_MV = 5_000
TRIES = 3  # a frame can be lost while the hub's flash erases
_LINES = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR


class HoldUp:
    """The hold-up that the hub is told that it has. A soft rig does not drain it: set it as the scene goes on."""

    def __init__(self, rig: SoftRig) -> None:
        self._rig = rig
        self._mv = FULL_MV

    @property
    def holdup_mv(self) -> int:
        return self._mv

    @holdup_mv.setter
    def holdup_mv(self, mv: int) -> None:
        self._mv = int(mv)
        self._rig.tell()


class SoftRig(SenseWires):
    """Supply, sense lines and hold-up by rig_set over BENCH; also the bench's line, from which it keeps its answers.

    line: to the hub, which must be strapped. The overrides hold over a restart, until release().
    """

    capabilities = CAPABILITIES
    simulated = "supply, sense lines and hold-up are simulated inside the hub (soft rig)"
    powered = True

    def __init__(self, line: Any) -> None:
        super().__init__()
        self._bare: Line = line
        self._line: Line = line
        self.speed: int = max(1, getattr(line, "speed", 1))  # of its time, as a multiple of real
        self._deframers: dict[int, frames.Deframer] = {}
        self._held: list[tuple[int, bytes]] = []
        self._answers: list[frames.Frame] = []
        self._supply = True
        self.supply = HoldUp(self)

    # ---- the bench's line

    @property
    def now_ms(self) -> int:
        return self._line.now_ms

    def write(self, link: str, octets: bytes) -> None:
        self._line.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """As of the line beneath, in whole frames."""
        if not self._held:
            self.hear(self._line.step(until_ms))
        said, self._held = self._held, []
        return said

    def record(self, keep: Keep) -> None:
        """From now on `keep` gets what passes between the hub and all that speaks to it, this rig included."""
        self._line = Recorded(self._bare, keep)
        self.tell()

    def hear(self, said: list[tuple[int, bytes]]) -> None:
        """Keep what the hub has said for the next step(), but for the answers to the rig."""
        for index, octets in said:
            for content in self._deframers.setdefault(index, frames.Deframer()).feed(octets):
                if _is_ours(content):
                    self._answers.append(frames.parse(content))
                else:
                    self._held.append((index, frames.to_wire(content)))

    # ---- what a person at the bench would do with their hands

    def power_on(self) -> list[tuple[int, bytes]]:
        """The hub has its power already; its sense lines now say so. Raises BenchError where it does not take them."""
        self.tell()
        return []

    def set_supply(self, good: bool) -> None:
        """12 V good or gone, as far as the hub can tell; with it good, the hold-up is full."""
        self._supply = good
        if good:
            self.supply.holdup_mv = FULL_MV
        else:
            self.tell()

    def release(self) -> None:
        """The hub reads its own pins again."""
        self._set({"mask": 0, "bits": 0, "holdup_mv": 0})

    def tell(self) -> None:
        """Tell the hub all of it. Raises BenchError where it does not take it."""
        bits = self.bits(self._supply)
        self._set({"mask": _LINES | s.RIG_HOLDUP, "bits": bits, "holdup_mv": self.supply.holdup_mv})

    def _set(self, fields: dict[str, int]) -> None:
        self._answers.clear()
        for _ in range(TRIES):
            self._line.write("bench", frames.to_wire(frames.build("rig_set", fields)))
            end = self._line.now_ms + ANSWER_MS * self.speed
            while not self._answers and self._line.now_ms < end:
                self.hear(self._line.step(end))
            if self._answers:
                break
        else:
            raise BenchError("The hub does not answer the soft rig: is it still running?", EXIT_NO_BOARD)
        answer = self._answers.pop()
        if answer.name == "bench_refusal":
            raise BenchError(
                f"The hub refused the soft rig ({answer.fields['reason']}): fit its bench strap and restart it."
                if answer.fields["reason"] == s.REFUSED_STRAP
                else f"The hub refused the soft rig ({answer.fields['reason']})."
            )


def _is_ours(content: bytes) -> bool:
    """Whether it answers a rig_set, which nobody else sends."""
    try:
        frame = frames.parse(content)
    except frames.FrameError:
        return False
    return frame.name in ("bench_ack", "bench_refusal") and str(frame.fields["type"]) == "rig_set"
