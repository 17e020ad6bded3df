"""A synchronous client of a hub's BENCH link: one method for each question, with a deadline on every wait."""

from __future__ import annotations

from typing import Any, NamedTuple

from chf.core import effects, events
from chf.wire import schema as s
from host_tools import frames
from host_tools.bench import Bench
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.names import constants, names_of, show

TRY_MS = 1_500  # a strapped hub answers within milliseconds, but frames are lost while its flash erases
TRIES = 3
JOURNAL_MAX = 1 << 17  # octets: a journal file is compacted at 4 KiB
_EVENTS = constants("", events)
_EFFECTS = constants("", effects)
_ENTRY_LEN = 8


class TraceEntry(NamedTuple):
    """One thing that happened in the hub's core. tick_ms wraps at 2**30; detail, value: as in the wire's SPEC.md."""

    tick_ms: int
    what: str
    detail: int
    value: int

    def describe(self) -> str:
        if self.what in ("sample", "boot"):
            about = f"bits={show('bits', self.detail)} holdup_mv={self.value}"
        elif self.what == "journal":
            about = frames.RECORDS[self.detail][0] if self.detail in frames.RECORDS else f"0x{self.detail:02x}"
        else:
            about = names_of("", "type").get(self.detail, "")
        return f"{self.tick_ms} {self.what} {about}".rstrip()


class Client:
    """Questions to one hub. Every method raises BenchError, one sentence: no answer (exit code 3), or a refusal.

    bench: frames and time. speed: how many times faster than real the bench's time runs.
    """

    def __init__(self, bench: Bench, speed: int = 1) -> None:
        self._bench = bench
        self._try_ms = TRY_MS * max(1, speed)

    def identify(self) -> dict[str, Any]:
        """Who the hub is: the fields of its `identity`. The one question that it answers without its strap."""
        return self.ask("identify", {}, "identity").fields

    def state(self) -> dict[str, Any]:
        """The fields of its `state` message."""
        return self.ask("state_request", {}, "state").fields

    def journal(self, file: int) -> bytes:
        """One journal file (schema.JOURNAL_*), its keys blanked by the hub."""
        data = b""
        while True:
            fields = self.ask("journal_request", {"file": file, "offset": len(data)}, "journal_data").fields
            if fields["offset"] != len(data):
                continue  # a late answer to an earlier try
            data += fields["data"]
            if len(data) >= min(fields["total"], JOURNAL_MAX) or not fields["data"]:
                return data

    def trace(self) -> tuple[int, list[TraceEntry]]:
        """(entries lost before these, the last things that happened in the core, oldest first)."""
        fields = self.ask("trace_request", {}, "trace_data").fields
        octets = fields["entries"]
        entries = [octets[at : at + _ENTRY_LEN] for at in range(0, len(octets) - _ENTRY_LEN + 1, _ENTRY_LEN)]
        return fields["lost"], [_entry(entry) for entry in entries]

    def restart(self, watchdog: bool = False) -> None:
        """Restart the hub: cleanly, or by starving its watchdog."""
        self.ask("restart", {"kind": s.RESTART_WATCHDOG if watchdog else s.RESTART_RESET}, "bench_ack")

    def rig_set(self, mask: int, bits: int, holdup_mv: int = 0) -> None:
        """Override the sense lines in `mask` (SENSE_*, RIG_HOLDUP) by `bits`; mask 0 lets the pins count again."""
        self.ask("rig_set", {"mask": mask, "bits": bits, "holdup_mv": holdup_mv}, "bench_ack")

    def ask(self, name: str, fields: dict[str, Any], answer: str) -> frames.Frame:
        """Send a question until its answer comes."""
        asked = len(self._bench.capture)
        for _ in range(TRIES):
            self._bench.transmit(s.LINK_BENCH, frames.build(name, fields))
            if self._bench.advance(self._try_ms, until=lambda: bool(self._answers(asked, name, answer))):
                break
        else:
            raise BenchError(
                f"The hub does not answer '{name}': is this its port, and does it run this firmware?", EXIT_NO_BOARD
            )
        frame = self._answers(asked, name, answer)[0]
        if frame.name == "bench_refusal":
            reason = frame.fields["reason"]
            mend = ": fit its bench strap and restart it" if reason == s.REFUSED_STRAP else ""
            raise BenchError(f"The hub refused '{name}' ({reason}){mend}.")
        return frame

    def _answers(self, since: int, name: str, answer: str) -> list[frames.Frame]:
        """What the hub has said to that question. Raises BenchError for a hub of another wire version."""
        found = []
        for captured in self._bench.capture[since:]:
            if captured.to_hub:
                continue
            try:
                frame = captured.frame
            except frames.FrameError as error:
                if error.reason == "version":
                    raise BenchError(str(error)) from None
                continue
            about = str(frame.fields.get("type", name))
            if frame.name in (answer, "bench_refusal") and about == name:
                found.append(frame)
        return found


def _entry(octets: bytes) -> TraceEntry:
    what = octets[4]
    table, number = (_EFFECTS, what & 0x7F) if what & 0x80 else (_EVENTS, what)
    return TraceEntry(
        int.from_bytes(octets[:4], "big"),
        table.get(number, f"0x{what:02x}"),
        octets[5],
        int.from_bytes(octets[6:8], "big"),
    )
