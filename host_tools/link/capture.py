"""Captures: one JSON object a line. The first says what was captured and where, every other one is a frame.

    {"format": "chf-capture", "version": 1, "started": "2026-06-28T14:13:20Z", "environment": {...}}
    {"at_ms": 1015, "link": "WAN", "to_hub": false, "content": "01c226...", "decoded": {...}}

`content` is the frame without its FCS, in hex, and counts; `decoded` is for people and other tools. "authentic": false
marks a frame whose MAC the hub's keys did not make. Octets straight off a line are read too, without times.

Where a rig was there, what it did to the hub stands between the frames, and counts as well:

    {"at_ms": 8000, "bits": 4, "holdup_mv": 4990}        the sense lines (SENSE_*) and the hold-up, from then on
    {"at_ms": 9000, "hub": "off", "why": "power cut"}    a run of the hub ends, or begins ("on")
    {"at_ms": 9000, "flash": "counters damaged"}         what was done to its flash (FLASH)
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from chf.wire import schema
from host_tools import frames
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.names import LINK_NAMES, bit_names

FORMAT = "chf-capture"
VERSION = 1
_CHUNK_OCTETS = 1 << 16
_MOST_MS = 10 * 366 * 86_400_000  # a capture that is longer than 10 years is damaged
_TIMES = "at_ms is a whole number of milliseconds, 10 years of them at most"


class Item(NamedTuple):
    """One frame of a capture. at_ms: None where the capture has no times. content: without FCS."""

    at_ms: int | None
    to_hub: bool
    content: bytes
    authentic: bool | None = None  # False: its MAC is known to be wrong


class Lines(NamedTuple):
    """What the hub's board measures from then on. bits: SENSE_SUPPLY, SENSE_AC_LO, SENSE_MT_PR."""

    at_ms: int
    bits: int
    holdup_mv: int


class Power(NamedTuple):
    """A run of the hub begins or ends. why: POWER_ON or RESET of a beginning; of an end whatever ended it."""

    at_ms: int
    on: bool
    why: str


POWER_ON = "power-on"
RESET = "reset"


class Flash(NamedTuple):
    """Somebody has changed what the hub's flash holds, or whether it works. what: one of FLASH."""

    at_ms: int
    what: str


FLASH_DAMAGED = {schema.JOURNAL_COUNTERS: "counters damaged", schema.JOURNAL_OUTAGES: "outages damaged"}
FLASH_FAILING = "failing"  # takes no writes from the next start on ...
FLASH_WORKING = "working"  # ... takes them again
FLASH_REPLACED = "replaced"  # by an image of before, or of elsewhere: what it holds is not known
FLASH = (*FLASH_DAMAGED.values(), FLASH_FAILING, FLASH_WORKING, FLASH_REPLACED)
Kept = Item | Lines | Power | Flash


class Header(NamedTuple):
    """What a capture says of itself; the values of its first line, as far as they are there."""

    version: int
    values: dict[str, Any]


class Bad(NamedTuple):
    """What could not be read. line: from 1 on, None in raw octets. sentence: goes on from its name. cut: at the end."""

    line: int | None
    sentence: str
    cut: bool = False


Entry = Header | Item | Lines | Power | Flash | Bad


def environment() -> dict[str, str]:
    """What a report should say of the machine: no names, no paths."""
    return {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}


def header(**about: Any) -> str:
    """A capture's first line."""
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"format": FORMAT, "version": VERSION, "started": started, "environment": environment(), **about}
    return json.dumps(values) + "\n"


def line_of(at_ms: int | None, to_hub: bool, content: bytes, authentic: bool | None = None) -> str:
    """A frame's line."""
    return text_of(Item(at_ms, to_hub, content, authentic))


def text_of(entry: Kept) -> str:
    """The line of an entry."""
    return json.dumps(as_json(entry)) + "\n"


def as_json(item: Kept) -> dict[str, Any]:
    """An entry as a dict for json.dumps; a frame with "decoded", as of frames.to_json, or "error", a sentence."""
    if isinstance(item, Lines):
        return item._asdict()
    if isinstance(item, Power):
        return {"at_ms": item.at_ms, "hub": "on" if item.on else "off", "why": item.why}
    if isinstance(item, Flash):
        return {"at_ms": item.at_ms, "flash": item.what}
    link = item.content[1] & schema.LINK_MASK if len(item.content) > 1 else 0
    values: dict[str, Any] = {
        "at_ms": item.at_ms,
        "link": LINK_NAMES.get(link),
        "to_hub": item.to_hub,
        "content": item.content.hex(),
    }
    try:
        values["decoded"] = frames.to_json(frames.parse(item.content))
    except frames.FrameError as error:
        values["error"] = str(error)
    if item.authentic is not None:
        values["authentic"] = item.authentic
    return values


def describe(item: Kept) -> str:
    """An entry as one line for people."""
    at = "" if item.at_ms is None else f"{item.at_ms / 1000:10.3f} s  "
    if isinstance(item, Lines):
        return f"{at}-- lines: {bit_names(item.bits)}, {item.holdup_mv} mV"
    if isinstance(item, Power):
        return f"{at}-- the hub is {'on' if item.on else 'off'}: {ascii(item.why)[1:-1]}"
    if isinstance(item, Flash):
        return f"{at}-- the hub's flash: {item.what}"
    try:
        return at + frames.describe(frames.parse(item.content))
    except frames.FrameError as error:
        way = "-> hub" if item.to_hub else "hub ->"
        return f"{at}{way} {item.content.hex()}: {error}"


class Writer:
    """Writes a capture as it comes, each frame whole before the next. Raises BenchError where the file takes none."""

    def __init__(self, path: Path, **about: Any) -> None:
        self._path = path
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8")
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None
        self._write(header(**about))

    def add(self, at_ms: int | None, to_hub: bool, content: bytes, authentic: bool | None = None) -> None:
        self.put(Item(at_ms, to_hub, content, authentic))

    def put(self, entry: Kept) -> None:
        self._write(text_of(entry))

    def _write(self, line: str) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            sentence = f"{self._path} cannot be written: {error.strerror}."
            self._file = _closed(self._file)
            raise BenchError(sentence) from None

    def close(self) -> None:
        _closed(self._file)


def write(path: Path, entries: Iterable[Kept], **about: Any) -> None:
    """A whole capture. Raises BenchError where the file takes none."""
    writer = Writer(path, **about)
    try:
        for entry in entries:
            writer.put(entry)
    finally:
        writer.close()


def _closed(file: IO[str]) -> IO[str]:
    try:
        file.close()
    except OSError:  # what a full disk did not take has been reported already
        return file
    return file


def read(path: Path) -> Iterator[Entry]:
    """What stands in a capture, in order: JSON Lines or raw octets. Raises BenchError, code 2, where the file fails."""
    try:
        with path.open("rb") as file:
            yield from _read_lines(file) if file.peek(1)[:1] == b"{" else _read_octets(file)
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from None


def _read_lines(file: IO[bytes]) -> Iterator[Entry]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        whole = line.endswith(b"\n")
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            if whole:
                yield Bad(number, "is no JSON.")
            else:
                yield Bad(number, "is cut off; what stands before it is whole.", True)
            continue
        if isinstance(values, dict) and "format" in values:
            yield _header(number, values)
        elif isinstance(values, dict) and {"bits", "hub", "flash"} & values.keys():
            yield _of_rig(number, values)
        else:
            yield _item(number, values)


def _header(number: int, values: dict[str, Any]) -> Header | Bad:
    version = values.get("version")
    if values["format"] != FORMAT or not isinstance(version, int):
        return Bad(number, f"is the header of another format, not of {FORMAT}.")
    if version > VERSION:
        return Bad(number, f"has capture version {version}, these tools read up to {VERSION}: update them.")
    return Header(version, values)


def _item(number: int, values: Any) -> Item | Bad:
    try:
        at_ms, to_hub, content = values["at_ms"], values["to_hub"], bytes.fromhex(values["content"])
        authentic = values.get("authentic")
    except (KeyError, TypeError, ValueError, AttributeError):
        return Bad(number, "is no frame: at_ms, to_hub and content, in hex, are needed.")
    if not isinstance(to_hub, bool) or not (at_ms is None or _is_time(at_ms)):
        return Bad(number, f"is no frame: {_TIMES}, to_hub is true or false.")
    return Item(at_ms, to_hub, content, authentic if isinstance(authentic, bool) else None)


def _of_rig(number: int, values: dict[str, Any]) -> Lines | Power | Flash | Bad:
    at_ms: Any = values.get("at_ms")
    if not _is_time(at_ms):
        return Bad(number, f"has no time: {_TIMES}.")
    if "flash" in values:
        if values["flash"] in FLASH:
            return Flash(at_ms, values["flash"])
        return Bad(number, f"says nothing of the flash: at_ms and flash, one of {', '.join(FLASH)}, are needed.")
    if "bits" in values:
        bits: Any = values["bits"]
        holdup_mv: Any = values.get("holdup_mv")
        if _is_count(bits) and _is_count(holdup_mv) and 0 <= bits < 8 and 0 <= holdup_mv < 1 << 16:
            return Lines(at_ms, bits, holdup_mv)
        return Bad(number, "says nothing of the lines: at_ms, bits (0 to 7) and holdup_mv, whole numbers, are needed.")
    if values.get("hub") in ("on", "off") and isinstance(values.get("why"), str):
        return Power(at_ms, values["hub"] == "on", values["why"])
    return Bad(number, 'says nothing of the hub\'s power: at_ms, hub ("on" or "off") and why are needed.')


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: Any) -> bool:
    return _is_count(value) and abs(value) <= _MOST_MS


def _read_octets(file: IO[bytes]) -> Iterator[Entry]:
    deframer = frames.Deframer()
    while octets := file.read(_CHUNK_OCTETS):
        for content in deframer.feed(octets):
            yield Item(None, not content[1] & schema.FROM_HUB, content)
    drops = deframer.drops()
    if drops:
        reasons = ", ".join(f"{count} for {name}" for name, count in drops.items())
        yield Bad(None, f"holds octets that are no frames: dropped {reasons}.")
