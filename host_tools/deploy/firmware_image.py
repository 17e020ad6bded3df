"""All of a firmware's modules as one file, so that a board changes from one firmware to the next in one rename.

On the board its main.py (deploy/on_board/main.py) mounts it. It starts with "chf-image 1 " and the length of the index
in seven digits and a newline; the index is "\\n" and then "/PATH START SIZE\\n" for each module; the modules follow. A
module of machine code has its SHA-256 in hex after SIZE: main.py looks at it, since nothing catches what damaged
machine code does, and the firmware goes on without that module.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MAGIC = b"chf-image 1 "
_FEATURES = 2  # octet of a .mpy: 0, or what its machine code needs (MicroPython, py/persistentcode.c)
LOADER = Path(__file__).resolve().parent / "on_board" / "main.py"
LOADER_SIGN = b'"""chf-reference: '  # how main.py begins where it is ours


class Part(NamedTuple):
    """One module: its path in the image, its octets, and their SHA-256 in hex."""

    path: str
    octets: bytes
    sha256: str

    @property
    def native(self) -> int:
        """What machine code in it needs of a VM, as in bits 8 to 15 of sys.implementation._mpy; 0: it is bytecode."""
        return self.octets[_FEATURES] if self.octets[_FEATURES] >> 2 else 0


@dataclass(frozen=True)
class FirmwareImage:
    """head: what stands before the modules."""

    head: bytes
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return len(self.head) + sum(len(part.octets) for part in self.parts)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()

    @property
    def octets(self) -> bytes:
        return self.head + b"".join(part.octets for part in self.parts)


def pack(folder: Path) -> FirmwareImage:
    """The image of every .mpy in a folder (firmware_build.build), in the order of their paths."""
    parts = []
    for path in sorted(folder.rglob("*.mpy")):
        octets = path.read_bytes()
        parts.append(Part("/" + path.relative_to(folder).as_posix(), octets, hashlib.sha256(octets).hexdigest()))
    return FirmwareImage(_head(parts), tuple(parts))


def _head(parts: list[Part]) -> bytes:
    index = b""
    length = 0
    while not index or len(index) != length:  # the starts depend on how long they are to write down
        length = len(index)
        start = len(MAGIC) + 8 + length
        lines = [""]
        for part in parts:
            lines.append(f"{part.path} {start} {len(part.octets)}" + (f" {part.sha256}" if part.native else ""))
            start += len(part.octets)
        index = ("\n".join(lines) + "\n").encode()
    return MAGIC + b"%07d\n" % len(index) + index
