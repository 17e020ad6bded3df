"""Where a journal comes from: a hub, by its URL, or a file, of one journal or of a whole flash."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from chf.journal.journal import FILES
from chf.journal.layout import MAGIC
from chf.wire import schema as s
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.connect import open_client
from host_tools.story.explain import JournalFile, read_journal

_SUPERBLOCK_AT = 8  # where littlefs says its name in block 0 or 1
_BLOCK_OCTETS = 4096  # of every board's flash so far
_FOLDERS = ("live", "bench")


class Journals(NamedTuple):
    """Both files, read."""

    counters: JournalFile
    outages: JournalFile


def from_source(url: str | None, path: Path | None) -> Journals:
    """From the hub at `url`, or from a file. Raises BenchError where neither or both are given."""
    if (url is None) == (path is None):
        raise BenchError("Give a hub's URL, or --file FILE with a journal or a flash image.", EXIT_USAGE)
    if path is not None:
        return _from_file(path)
    assert url is not None
    with open_client(url) as client:
        octets = [client.journal(which) for which in (s.JOURNAL_COUNTERS, s.JOURNAL_OUTAGES)]
    return _read(*octets)


def _read(counters: bytes | None, outages: bytes | None) -> Journals:
    return Journals(read_journal(counters, s.JOURNAL_COUNTERS), read_journal(outages, s.JOURNAL_OUTAGES))


def _from_file(path: Path) -> Journals:
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from None
    if octets.startswith(MAGIC):
        one = read_journal(octets, s.JOURNAL_OUTAGES)
        outages = any("id" in record.fields or record.name in ("format", "boot") for record in one.records)
        return _read(None, octets) if outages else _read(octets, None)
    for block in (0, _BLOCK_OCTETS):
        if octets[block + _SUPERBLOCK_AT :].startswith(b"littlefs"):
            return _from_flash(path, octets)
    raise BenchError(f"{path} is neither a journal file nor a littlefs flash image.", EXIT_USAGE)


def _from_flash(path: Path, octets: bytes) -> Journals:
    from littlefs import LittleFS, LittleFSError
    from littlefs.context import UserContext

    context = UserContext(len(octets))
    context.buffer[:] = octets
    try:
        flash = LittleFS(
            context, block_size=_BLOCK_OCTETS, block_count=len(octets) // _BLOCK_OCTETS, prog_size=256, read_size=32
        )
        found: dict[str, bytes | None] = {}
        for folder in _FOLDERS:
            if folder in flash.listdir("/"):
                for name in FILES:
                    found.setdefault(name, _file(flash, f"/{folder}", name))
    except LittleFSError as error:
        raise BenchError(f"The filesystem in {path} cannot be read: {error}.", EXIT_USAGE) from None
    if not any(found.values()):
        raise BenchError(f"{path} holds no journal.", EXIT_USAGE)
    return _read(*(found.get(name) for name in FILES))


def _file(flash: object, folder: str, name: str) -> bytes | None:
    """What the hub's store keeps under a name: a row of files, NAME.GENERATION.INDEX, of the newest generation."""
    parts = []
    for entry in flash.listdir(folder):  # type: ignore[attr-defined]
        stem, _, index = entry.rpartition(".")
        stem, _, generation = stem.rpartition(".")
        if stem == name and index.isdecimal() and generation.isdecimal():
            parts.append((int(generation), int(index), entry))
    newest = max((generation for generation, _, _ in parts), default=None)
    data = b""
    for generation, _, entry in sorted(parts):
        if generation == newest:
            with flash.open(f"{folder}/{entry}", "rb") as file:  # type: ignore[attr-defined]
                data += file.read()
    return data if parts else None
