"""Captures: one JSON object a line. The first says what was captured and where, every other one is a frame.

    {"format": "chf-capture", "version": 1, "started": "2026-06-28T14:13:20Z", "environment": {...}}
    {"at_ms": 1015, "link": "WAN", "to_hub": false, "content": "01c226...", "decoded": {...}}

`content` is the frame without its FCS, in hex, and counts; `decoded` is for people and other tools. Octets straight off
a line are read too, without times.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from chf.wire import schema
from host_tools import frames
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.names import LINK_NAMES

FORMAT = "chf-capture"
VERSION = 1
_CHUNK_OCTETS = 1 << 16


class Item(NamedTuple):
    """One frame of a capture. at_ms: None where the capture has no times. content: without FCS."""

    at_ms: int | None
    to_hub: bool
    content: bytes


class Header(NamedTuple):
    """What a capture says of itself; the values of its first line, as far as they are there."""

    version: int
    values: dict[str, Any]


class Bad(NamedTuple):
    """What could not be read. line: from 1 on, None in raw octets. sentence: goes on from its name. cut: at the end."""

    line: int | None
    sentence: str
    cut: bool = False


def environment() -> dict[str, str]:
    """What a report should say of the machine: no names, no paths."""
    return {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}


def header(**about: Any) -> str:
    """A capture's first line."""
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"format": FORMAT, "version": VERSION, "started": started, "environment": environment(), **about}
    return json.dumps(values) + "\n"


def line_of(at_ms: int | None, to_hub: bool, content: bytes) -> str:
    """A frame's line."""
    return json.dumps(as_json(Item(at_ms, to_hub, content))) + "\n"


def as_json(item: Item) -> dict[str, Any]:
    """A frame as a dict for json.dumps: "decoded" as of frames.to_json, or "error" with a sentence instead."""
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
    return values


def describe(item: Item) -> str:
    """A frame as one line for people."""
    at = "" if item.at_ms is None else f"{item.at_ms / 1000:10.3f} s  "
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

    def add(self, at_ms: int | None, to_hub: bool, content: bytes) -> None:
        self._write(line_of(at_ms, to_hub, content))

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


def _closed(file: IO[str]) -> IO[str]:
    try:
        file.close()
    except OSError:  # what a full disk did not take has been reported already
        return file
    return file


def read(path: Path) -> Iterator[Header | Item | Bad]:
    """What stands in a capture, in order: JSON Lines or raw octets. Raises BenchError, code 2, where the file fails."""
    try:
        with path.open("rb") as file:
            yield from _read_lines(file) if file.peek(1)[:1] == b"{" else _read_octets(file)
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from None


def _read_lines(file: IO[bytes]) -> Iterator[Header | Item | Bad]:
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
    except (KeyError, TypeError, ValueError):
        return Bad(number, "is no frame: at_ms, to_hub and content, in hex, are needed.")
    if not isinstance(to_hub, bool) or not (at_ms is None or (isinstance(at_ms, int) and not isinstance(at_ms, bool))):
        return Bad(number, "is no frame: at_ms is a whole number, to_hub true or false.")
    return Item(at_ms, to_hub, content)


def _read_octets(file: IO[bytes]) -> Iterator[Header | Item | Bad]:
    deframer = frames.Deframer()
    while octets := file.read(_CHUNK_OCTETS):
        for content in deframer.feed(octets):
            yield Item(None, not content[1] & schema.FROM_HUB, content)
    drops = deframer.drops()
    if drops:
        reasons = ", ".join(f"{count} for {name}" for name, count in drops.items())
        yield Bad(None, f"holds octets that are no frames: dropped {reasons}.")
