"""What a head-end tells the network operator, as JSON Lines: an object for each event. SPEC.md describes them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.names import bit_names, constants, names_of
from host_tools.story.outcome import row_of

FORMAT = "chf-alerts"
VERSION = 1
AD1, RESTORED, ECS80, WITHOUT_NOTICE = "ad1", "restored", "ecs80", "without_notice"
EVENTS = (AD1, RESTORED, ECS80, WITHOUT_NOTICE)
SHORT, LONG = "8F35", "8F36"  # the ESME's outage was under 3 minutes; 3 minutes or more
HUB, HEAD_END = "hub", "head-end"  # who raised an alert
LEVEL_PLAIN, LEVEL_TAGGED = (names_of(AD1, "level")[level] for level in (s.LEVEL_PLAIN, s.LEVEL_TAGGED))

_EPOCH = datetime(2000, 1, 1)


def time_text(utc: float) -> str | None:
    """Seconds since 2000-01-01T00:00:00Z as ISO 8601, to the millisecond where it has any; None for NO_UTC."""
    if utc == s.NO_UTC:
        return None
    moment = _EPOCH + timedelta(milliseconds=round(utc * 1000))
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def ad1(hub: str, fields: Mapping[str, Any], at_utc: float) -> dict[str, Any]:
    """An AD1 as the head-end got it from the hub. fields: of the message, by number or by name."""
    return {
        "event": AD1,
        "at": time_text(at_utc),
        "hub": hub,
        "id": fields["id"].hex(),
        "revision": int(fields["revision"]),
        "raised_by": HUB,
        **{name: _name(AD1, name, fields[name]) for name in ("level", "cause", "source", "policy")},
        "row": _row(int(fields["row"])),
        "loss": time_text(int(fields["loss_utc"])),
        "elapsed_s": _duration(int(fields["elapsed_s"])),
        "window_s": int(fields["window_s"]),
        "flag_counter": fields["flag_counter"].hex(),
        "loss_bits": _bits(int(fields["loss_bits"])),
        "loss_holdup_mv": int(fields["loss_holdup_mv"]),
        "bits": _bits(int(fields["bits"])),
        "holdup_mv": int(fields["holdup_mv"]),
        "merged": int(fields["merged"]),
    }


def head_end_ad1(hub: str, outage_id: bytes, at_utc: float) -> dict[str, Any]:
    """The head-end's own AD1 for a held outage that did not end in its window: the hub may be dead."""
    return {
        "event": AD1,
        "at": time_text(at_utc),
        "hub": hub,
        "id": outage_id.hex(),
        "revision": 0,
        "raised_by": HEAD_END,
        "level": LEVEL_PLAIN,
        "cause": names_of(AD1, "cause")[s.CAUSE_ACTIVATION_OVERRUN],
        "source": names_of(AD1, "source")[s.SOURCE_DECLARED],
    }


def restored(hub: str, fields: Mapping[str, Any], at_utc: float) -> dict[str, Any]:
    """The hub's own word that supply is back, for the outage of that id."""
    return {
        "event": RESTORED,
        "at": time_text(at_utc),
        "hub": hub,
        "id": fields["id"].hex(),
        "revision": int(fields["revision"]),
        "level": _name(RESTORED, "level", fields["level"]),
        "duration_s": _duration(int(fields["duration_s"])),
        "end": time_text(int(fields["end_utc"])),
        "bits": _bits(int(fields["bits"])),
        "holdup_mv": int(fields["holdup_mv"]),
    }


def ecs80(hub: str, meter: str, code: str, start_utc: float, end_utc: float, at_utc: float) -> dict[str, Any]:
    """The meter's restoration alert (ECS80). code: SHORT or LONG."""
    return {
        "event": ECS80,
        "at": time_text(at_utc),
        "hub": hub,
        "meter": meter,
        "code": code,
        "start": time_text(start_utc),
        "end": time_text(end_utc),
    }


def without_notice(hub: str, fields: Mapping[str, Any], at_utc: float) -> dict[str, Any]:
    """The hub's report that the meter's version changed over an interruption that no flag had declared."""
    return {
        "event": WITHOUT_NOTICE,
        "at": time_text(at_utc),
        "hub": hub,
        "id": fields["id"].hex(),
        "before": f"{int(fields['before']):08x}",
        "after": f"{int(fields['after']):08x}",
        "evidence": constants("EVIDENCE_").get(int(fields["evidence"]), int(fields["evidence"])),
    }


def _name(owner: str, field: str, value: Any) -> str | int:
    """The schema's name; a number that has none, as from newer firmware, stays one."""
    return value if isinstance(value, str) else names_of(owner, field).get(int(value), int(value))


def _row(number: int) -> str | int:
    """The name of the policy row that decided; its number where this version's table has none such."""
    row = row_of(number)
    return number if row is None else row.name


def _duration(seconds: int) -> int | None:
    return None if seconds == s.UNKNOWN_S else seconds


def _bits(bits: int) -> list[str]:
    return bit_names(bits).split("|") if bits else []


def header() -> dict[str, Any]:
    """What a file of events begins with."""
    return {"format": FORMAT, "version": VERSION}


class Writer:
    """Appends events to a file, each line whole and synced before the next. Raises BenchError where it takes none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Not buffered: what a full disk did not take must not be tried again at the close.
            self._file: IO[bytes] = path.open("a+b" if path.is_file() else "ab", buffering=0)
            size = self._file.seek(0, os.SEEK_END) if self._file.seekable() else 0
            self._cut = size > 0 and not self._ends_whole()
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None
        if not size:
            self.add(header())

    def _ends_whole(self) -> bool:
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"

    def add(self, event: Mapping[str, Any]) -> None:
        """On return the event is on the disk."""
        # After a line that a kill or a full disk cut off, the next one begins on its own.
        line = (b"\n" if self._cut else b"") + json.dumps(event).encode() + b"\n"
        try:
            while line:
                self._cut = True
                line = line[self._file.write(line) :]
            self._cut = False
            _sync(self._file)
        except OSError as error:
            raise BenchError(f"{self._path} cannot be written: {error.strerror}.") from None

    def close(self) -> None:
        self._file.close()


def _sync(file: IO[bytes]) -> None:
    if os.path.isfile(file.name):  # a pipe or a terminal has no disk to be synced to
        os.fsync(file.fileno())
