"""Where a replay's sense lines come from: the capture's rig, a file, or what the hub itself has said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chf.core import states
from chf.core.limits import RESTORE_QUALIFY_MS
from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import capture
from host_tools.link.capture import Lines
from host_tools.replay.loaded import Loaded, Passed

GOOD = s.SENSE_SUPPLY | s.SENSE_MT_PR
FULL_MV = 5_000
_RETURNING = (states.RETURNING, states.OUT_RETURNING)
_PINS = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR


def read_lines(path: Path) -> list[Lines]:
    """A file of JSON lines, at_ms, bits, holdup_mv each. Raises BenchError, code 2, naming the line that is none."""
    found: list[Lines] = []
    for number, entry in enumerate(capture.read(path), 1):
        if isinstance(entry, Lines):
            if found and entry.at_ms < found[-1].at_ms:
                raise BenchError(f"{path} goes back in time at {entry.at_ms} ms: put its lines in order.", EXIT_USAGE)
            found.append(entry)
        elif isinstance(entry, capture.Bad):
            where = f"line {entry.line} " if entry.line else ""
            raise BenchError(f"{path} {where}{entry.sentence}", EXIT_USAGE)
        elif not isinstance(entry, capture.Header):
            raise BenchError(
                f"{path} entry {number} is a frame: a file of lines has at_ms, bits and holdup_mv alone.", EXIT_USAGE
            )
    if not found:
        raise BenchError(f"{path} holds no lines: give JSON lines with at_ms, bits and holdup_mv.", EXIT_USAGE)
    return found


def inferred(loaded: Loaded) -> list[Lines]:
    """The lines that the hub's own words imply. What it does not speak of, a loss under 180 s, is not among them."""
    if any(one.to_hub and one.name == "rig_set" for one in loaded.frames):
        return []  # the hub is told its lines, and so is the reference
    made = _Made()
    for frame in loaded.said():
        values = frame.values or {}
        if frame.name == "state":
            made.state(frame, values)
        elif frame.name in ("ad1", "hold_notice"):
            made.told(frame, values)
        elif frame.name == "restored":
            made.restored(frame, values)
    return sorted(made.found, key=lambda one: one.at_ms)


class _Made:
    """Puts together what is told of the lines."""

    def __init__(self) -> None:
        self.found: list[Lines] = []
        self.lost_ms: dict[bytes, int] = {}
        self.back: set[bytes] = set()
        self.bits = GOOD
        self.returning: int | None = None  # elapsed_s of the outage that was about to end when the capture began

    def _put(self, at_ms: int, bits: int, holdup_mv: int) -> None:
        self.bits = bits & _PINS
        self.found.append(Lines(at_ms, self.bits, holdup_mv))

    def state(self, frame: Passed, values: dict[str, Any]) -> None:
        bits = values["bits"] & _PINS
        if not self.found and bits & s.SENSE_SUPPLY and values["phase"] in _RETURNING:
            # It was lost and has come back before the capture began, less than 2 s ago.
            self.returning = values["elapsed_s"]
            self._back(frame.at_ms - RESTORE_QUALIFY_MS // 2, bits, values["holdup_mv"])
            return
        lost = self.bits & s.SENSE_SUPPLY and not bits & s.SENSE_SUPPLY
        back = bits & ~self.bits & s.SENSE_SUPPLY and values["phase"] == states.POWERED
        at_ms = frame.at_ms - 1 - (1000 * values["elapsed_s"] if lost else RESTORE_QUALIFY_MS if back else 0)
        if self.found and at_ms <= self.found[-1].at_ms:
            at_ms = self.found[-1].at_ms
        if bits != self.bits or not self.found:
            self._put(at_ms, bits, values["holdup_mv"])
        if lost:
            self._put(frame.at_ms - 1, bits, values["holdup_mv"])

    def _back(self, at_ms: int, bits: int, holdup_mv: int) -> None:
        """The end of that outage."""
        assert self.returning is not None
        self.found.clear()
        self._put(at_ms - 1000 * self.returning, bits & ~s.SENSE_SUPPLY, holdup_mv)
        self._put(at_ms, bits, holdup_mv)

    def told(self, frame: Passed, values: dict[str, Any]) -> None:
        """The first of an outage tells when and with which lines supply was lost, and the lines of now."""
        if values["id"] in self.lost_ms:
            return
        out_s = values["elapsed_s"] if "elapsed_s" in values else values["window_s"] - values["left_s"]
        unseen = values.get("loss_bits", 0) & s.SENSE_SUPPLY
        out_s = s.UNKNOWN_S if out_s < 0 else out_s
        lost_ms = frame.at_ms - 1000 * (0 if out_s == s.UNKNOWN_S else out_s)
        if values.get("bits", 0) & s.SENSE_SUPPLY:
            lost_ms -= RESTORE_QUALIFY_MS  # told once supply was back, and counted until it came back
        self.lost_ms[values["id"]] = lost_ms
        if unseen or out_s == s.UNKNOWN_S or not self.bits & s.SENSE_SUPPLY:
            return
        self._put(lost_ms, values.get("loss_bits", s.SENSE_MT_PR), values.get("loss_holdup_mv", FULL_MV))
        bits = values.get("bits", self.bits) & _PINS
        if not bits & s.SENSE_SUPPLY:
            self._put(frame.at_ms - 1, bits, values["holdup_mv"])

    def restored(self, frame: Passed, values: dict[str, Any]) -> None:
        if self.returning is not None and not self.back:
            self._back(frame.at_ms - RESTORE_QUALIFY_MS, values["bits"] | s.SENSE_SUPPLY, values["holdup_mv"])
        elif values["id"] not in self.back and not self.bits & s.SENSE_SUPPLY:
            self._put(frame.at_ms - RESTORE_QUALIFY_MS, values["bits"] | s.SENSE_SUPPLY, values["holdup_mv"])
        self.back.add(values["id"])
