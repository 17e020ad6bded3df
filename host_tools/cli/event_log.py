"""The hub's event log, entry by entry, over the WAN with the head-end's key."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from chf.core.outage import size_of
from chf.journal.records import kind_of
from chf.wire import schema as s
from host_tools import frames
from host_tools.cli.stage import staged
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.link.client import TRIES, TRY_MS
from host_tools.link.serial_line import SerialLine
from host_tools.names import utc_text
from host_tools.sim.headend import HeadEnd

Ask = Callable[[int], tuple[int, bytes]]


class Entry(NamedTuple):
    """One outage that was decided: as it was told, and as it ended; end: None while it lasts."""

    told: dict[str, Any]
    end: dict[str, Any] | None


def over_wan(url: str, identity: dict[str, Any] | None, live: bool) -> list[Entry]:
    """The log of a hub, strapped or not, oldest first. Raises BenchError where nothing authentic answers."""
    with staged(url, identity, lambda bed: bed.headend, _reader, key="head_end", live=live) as play:
        headend = play.peer

        def ask(index: int) -> tuple[int, bytes]:
            heard = len(headend.log)
            for _ in range(TRIES):
                headend.ask_log(index, secrets.token_bytes(8))
                if play.bench.advance(TRY_MS * max(1, play.speed), until=lambda: len(headend.log) > heard):
                    return headend.log[-1]["count"], headend.log[-1]["data"]
            raise BenchError(
                f"No authentic answer from a hub at {url}: check the WAN cable, and the keys (--keys, --live).",
                EXIT_NO_BOARD,
            )

        return _read(ask)


def _reader(who: dict[str, Any], key: bytes, marked: bool, line: SerialLine) -> HeadEnd:
    headend = HeadEnd(key, marked)
    headend.acknowledge = headend.tell_time = False  # only a reader: the hub's own head-end does the rest
    headend.accept_hold = None
    return headend


def _read(ask: Ask) -> list[Entry]:
    """Latest first off the hub; an outage that is decided meanwhile moves the others back, and is met twice."""
    found: dict[bytes, Entry] = {}
    index = 0
    while True:
        count, data = ask(index)
        if index >= count or not data:
            return list(found.values())[::-1]
        entry = _entry(data)
        found.setdefault(entry.told["id"], entry)
        index += 1


def _entry(data: bytes) -> Entry:
    split = size_of("decision")
    told = frames.parse_record(kind_of("decision"), data[:split]).fields
    return Entry(told, frames.parse_record(kind_of("end"), data[split:]).fields if data[split:] else None)


def row(entry: Entry, row_name: Callable[[int], str]) -> dict[str, Any]:
    """One line of chtool log."""
    told, end = entry
    duration = None if end is None else end["duration_s"]
    return {
        "id": told["id"].hex(),
        "lost": utc_text(told["loss_utc"]),
        "out_s": "unknown" if duration in (None, s.UNKNOWN_S) else duration,
        "over": end is not None,
        "level": str(told["level"]),
        "cause": str(told["cause"]),
        "source": str(told["source"]),
        "row": row_name(told["row"]),
    }
