"""Reads events from JSON Lines, plain or gzip, by the million: a chunk at a time, and line by line what does not fit.

The quick way (polars, a chunk at once) accepts only what rows.parse accepts, and gives the same rows; a chunk that it
does not take whole goes on in pieces, a piece that it does not take goes through rows.parse, which names each bad line.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import IO, Any, NamedTuple

import polars as pl

from host_tools.dno.chunks import Chunk, chunks
from host_tools.dno.events import EVENTS, HEAD_END, LONG
from host_tools.dno.rows import (
    COUNT_MOST,
    FIELDS,
    ID_TAIL_DIGITS,
    KINDS,
    LINE_MOST,
    NUMBERS,
    REQUIRED,
    UNNAMED,
    Bad,
    Unfit,
    parse,
)

WORKERS_MOST = 4  # chunks that are read at a time, and so held
PIECE_LINES = 512
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
_SECONDS_END = len("2026-06-28T14:13:20")
_MS = "_ms"
_TYPES: dict[str, Any] = {
    "event": pl.UInt8,
    "time": pl.Int64,  # ms since 1970-01-01T00:00:00Z
    "eui": pl.UInt64,
    "name": pl.UInt16,
    "raised": pl.UInt8,
    "code": pl.UInt8,
    "count": pl.UInt32,
}
_RAW = pl.Schema({name: pl.Int64 if kind == "count" else pl.String for name, kind in FIELDS.items()})
SCHEMA = pl.Schema(
    {
        **{name: _TYPES[kind] for name, kind in FIELDS.items() if name != "id"},
        "id_head": pl.UInt32,
        "id_tail": pl.UInt64,
    }
)
Tell = Callable[[Bad], None]


def read(stream: IO[bytes], source: str, tell: Tell) -> Iterator[pl.DataFrame]:
    """The events of one file in SCHEMA, frame by frame; each bad line is told as it is met.

    stream: must have peek(). Raises OSError where it cannot be read.
    """
    workers = min(WORKERS_MOST, os.cpu_count() or 1)
    waiting: deque[tuple[Chunk | Bad, Future[Found | None] | None]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in chunks(stream, source):
            waiting.append((item, None if isinstance(item, Bad) else pool.submit(_whole, item.octets)))
            if len(waiting) > workers:
                yield from _settled(*waiting.popleft(), source, tell)
        while waiting:
            yield from _settled(*waiting.popleft(), source, tell)


def _settled(item: Chunk | Bad, quick: Future[Found | None] | None, source: str, tell: Tell) -> Iterator[pl.DataFrame]:
    """The rows of a chunk: those of the quick way, and the others one by one."""
    if isinstance(item, Bad):
        tell(item)
        return
    assert quick is not None
    lines = Lines(item, source, tell)
    found = quick.result()
    if found is not None:
        yield lines.completed(found)
        return
    for start in range(0, lines.count, PIECE_LINES):
        yield from lines.piece(range(start, min(start + PIECE_LINES, lines.count)))


class Lines:
    """The lines of one chunk, split where they are needed one by one."""

    def __init__(self, chunk: Chunk, source: str, tell: Tell) -> None:
        self._chunk = chunk
        self._source = source
        self._tell = tell

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._chunk.octets.split(b"\n")[:-1]

    @property
    def count(self) -> int:
        return len(self._lines)

    def piece(self, numbers: Sequence[int]) -> Iterator[pl.DataFrame]:
        """Some lines: what is no JSON goes out first, then the quick way; where that fails too, each by itself."""
        sound = [number for number in numbers if _is_sound(self._lines[number])]
        found = _quick(b"".join(self._lines[number] + b"\n" for number in sound)) if sound else None
        kept = set(sound) if found is not None else set()
        yield self._slow([number for number in numbers if number not in kept])
        if found is not None:
            yield self.completed(found, sound)

    def completed(self, found: Found, numbers: Sequence[int] | None = None) -> pl.DataFrame:
        """All rows of these lines, those that do not fit one by one. numbers: their own, where they are not all."""
        if not found.unfit:
            return found.frame
        return pl.concat([found.frame, self._slow([at if numbers is None else numbers[at] for at in found.unfit])])

    def _slow(self, numbers: Sequence[int]) -> pl.DataFrame:
        rows = []
        for number in numbers:
            try:
                row = parse(self._lines[number])
            except Unfit as unfit:
                self._tell(Bad(self._source, self._chunk.first + number, str(unfit)))
            else:
                if row is not None:
                    rows.append(row)
        return pl.DataFrame(rows, schema=SCHEMA)


def _is_sound(line: bytes) -> bool:
    if not line.startswith(b"{") or not line.endswith(b"}") or len(line) > LINE_MOST:
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


# ---- the quick way


class Found(NamedTuple):
    """The rows of whole lines; unfit: which lines, counted from 0, are not among them, for they do not fit."""

    frame: pl.DataFrame
    unfit: list[int]


def _whole(chunk: bytes) -> Found | None:
    return None if _holds_long_line(chunk) else _quick(chunk)


def _holds_long_line(chunk: bytes) -> bool:
    """Whether a line may be longer than LINE_MOST: such a one covers an aligned half of that without a line feed."""
    half = LINE_MOST // 2
    return any(chunk.find(b"\n", at, at + half) < 0 for at in range(0, len(chunk) - half, half))


def _quick(chunk: bytes) -> Found | None:
    """The rows of whole lines; None unless each line is one object, and what is to be a count a number."""
    try:
        raw = pl.read_ndjson(chunk, schema=_RAW)
    except pl.exceptions.ComputeError:
        return None
    if raw.height != chunk.count(b"\n"):
        return None
    raw = raw.with_columns(_TIMES)
    fits = raw.select(_FITS).to_series()
    if fits.all(ignore_nulls=False):
        return Found(raw.select(_COLUMNS), [])
    return Found(raw.filter(fits).select(_COLUMNS), [at for at, fit in enumerate(fits) if not fit])


def _fits(name: str, kind: str) -> pl.Expr:
    column = pl.col(name)
    pattern = KINDS[kind][0]
    if pattern is None:
        return column.is_null() | column.is_between(0, COUNT_MOST)
    good = column.str.contains(f"^(?:{pattern})$")
    if kind == "time":  # of the right form, it can still be no day of the calendar
        good &= pl.col(name + _MS).is_not_null()
    return column.is_null() | good


def _has_all(event: str, names: tuple[str, ...]) -> pl.Expr:
    return (pl.col("event") != event) | pl.all_horizontal(pl.col(name).is_not_null() for name in names)


def _time_ms(name: str) -> pl.Expr:
    """Whole seconds and the fraction apart: four times as quick as both at once, and cut off, not rounded."""
    text = pl.col(name)
    seconds = text.str.slice(0, _SECONDS_END).str.to_datetime(_TIME_FORMAT, time_unit="ms", strict=False)
    digits = text.str.slice(_SECONDS_END + 1).str.strip_suffix("Z").str.pad_end(3, "0").str.slice(0, 3)
    return (seconds.dt.epoch("ms") + digits.str.to_integer(strict=False).fill_null(0)).alias(name + _MS)


def _number(name: str, kind: str) -> pl.Expr:
    column = pl.col(name)
    if kind == "time":
        column = pl.col(name + _MS)
    elif kind == "eui":
        column = column.str.to_integer(base=16, dtype=pl.UInt64)
    elif kind == "event":
        column = column.replace_strict({event: at for at, event in enumerate(EVENTS)})
    elif kind == "name":
        digits = column.str.to_integer(strict=False)
        named = column.replace_strict(NUMBERS[name], default=UNNAMED, return_dtype=pl.Int64)
        column = pl.when(column.is_not_null()).then(pl.coalesce(digits, named))
    elif kind in ("raised", "code"):
        column = column == (HEAD_END if kind == "raised" else LONG)
    return column.cast(_TYPES[kind]).alias(name)


_TIMES = [_time_ms(name) for name, kind in FIELDS.items() if kind == "time"]
_FITS = pl.all_horizontal(
    pl.col("event").is_not_null(),
    *(_fits(name, kind) for name, kind in FIELDS.items()),
    *(_has_all(event, names) for event, names in REQUIRED.items()),
)
_COLUMNS = [
    *(_number(name, kind) for name, kind in FIELDS.items() if name != "id"),
    pl.col("id").str.slice(0, 24 - ID_TAIL_DIGITS).str.to_integer(base=16, dtype=pl.UInt32).alias("id_head"),
    pl.col("id").str.slice(24 - ID_TAIL_DIGITS).str.to_integer(base=16, dtype=pl.UInt64).alias("id_tail"),
]
