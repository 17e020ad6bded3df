"""Cuts a stream, plain or gzip, into chunks of whole lines, however long the lines and wherever it breaks off."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from host_tools.dno.rows import LINE_MOST, TOO_LONG, Bad

CHUNK_OCTETS = 8 << 20
_BITE_OCTETS = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_WHOLE = ""


class Chunk(NamedTuple):
    """Whole lines, each ended by a line feed. first: the number of the first one, from 1 on."""

    first: int
    octets: bytes


def chunks(stream: IO[bytes], source: str) -> Iterator[Chunk | Bad]:
    """What a file holds, in order: lines, and what is wrong with it between them.

    stream: must have peek() and read1(). Raises OSError where it cannot be read.
    """
    first = 1
    rest = b""
    skipping = False  # within a line that is too long
    for block, end in _blocks(stream):
        block = rest + block
        rest = b""
        if first == 1 and not skipping:
            block = block.removeprefix(_BOM)
        if skipping:
            at = block.find(b"\n")
            if at < 0:
                continue
            block, skipping, first = block[at + 1 :], False, first + 1
        cut = block.rfind(b"\n") + 1
        chunk, rest = block[:cut], block[cut:]
        if chunk:
            yield Chunk(first, chunk.replace(b"\r\n", b"\n"))
            first += chunk.count(b"\n")
        if end == _WHOLE and rest:
            yield Chunk(first, rest.removesuffix(b"\r") + b"\n")
        elif end:  # what is left of a line then is no line to be judged
            yield Bad(source, first, end)
        elif len(rest) > LINE_MOST:
            yield Bad(source, first, TOO_LONG)
            rest, skipping = b"", True


def _blocks(stream: IO[bytes]) -> Iterator[tuple[bytes, str | None]]:
    """(octets, None; of the last: _WHOLE, or a sentence where a gzip file breaks off)."""
    zipped = stream.peek(2)[:2] == _GZIP_MAGIC  # type: ignore[attr-defined]
    octets: Any = gzip.GzipFile(fileobj=stream) if zipped else stream
    end = None
    while end is None:
        bites: list[bytes] = []
        size = 0
        while size < CHUNK_OCTETS and end is None:
            try:
                bite = octets.read1(_BITE_OCTETS)
            except EOFError:
                end = "cannot be read: the gzip file is cut off here."
            except (gzip.BadGzipFile, zlib.error):
                end = "cannot be read: the gzip file is damaged here."
            else:
                bites.append(bite)
                size += len(bite)
                end = None if bite else _WHOLE
        yield b"".join(bites), end
