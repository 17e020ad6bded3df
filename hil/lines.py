"""What hostile lines do to frames: Bench.tamper functions, the octets of one frame in, what comes out in turn."""

from __future__ import annotations

import random
from collections.abc import Callable

from host_tools import frames
from host_tools.bench import Tamper

Spoil = Callable[[bytes], list[bytes]]


def lost(octets: bytes) -> list[bytes]:
    return []


def doubled(octets: bytes) -> list[bytes]:
    return [octets, octets]


def cut(octets: bytes) -> list[bytes]:
    """The second half never arrives."""
    return [octets[: len(octets) // 2]]


def corrupted(octets: bytes) -> list[bytes]:
    """One bit in the middle has changed."""
    at = len(octets) // 2
    return [octets[:at] + bytes((octets[at] ^ 0x04,)) + octets[at + 1 :]]


def only(index: int, spoil: Spoil) -> Tamper:
    """Spoil the frame of that index, counted from 0, and let all others pass."""
    seen = iter(range(1 << 30))
    return lambda octets: spoil(octets) if next(seen) == index else [octets]


def reordered() -> Tamper:
    """Every first frame of two is kept back and comes after the second."""
    kept: list[bytes] = []

    def swap(octets: bytes) -> list[bytes]:
        if not kept:
            kept.append(octets)
            return []
        return [octets, kept.pop()]

    return swap


def without(name: str, times: int = 1 << 30) -> Tamper:
    """The first `times` messages of that name are lost."""
    left = [times]

    def pick(octets: bytes) -> list[bytes]:
        (content,) = frames.Deframer().feed(octets)
        if left[0] and frames.parse(content).name == name:
            left[0] -= 1
            return []
        return [octets]

    return pick


def singly(octets: bytes) -> list[bytes]:
    """One octet at a time."""
    return [octets[at : at + 1] for at in range(len(octets))]


def noisy(seed: int, most: int = 40) -> Tamper:
    """Octets of any value, 0x7E and 0x03 among them, before each frame."""
    draw = random.Random(seed)
    return lambda octets: [draw.randbytes(draw.randrange(most)) + b"\x03\x7e", octets]


def sprinkled(octets: bytes) -> list[bytes]:
    """A control octet put in by the line between every two: receivers take them out (RFC 1662, 4.2)."""
    return [b"".join(octets[at : at + 1] + b"\x03" for at in range(len(octets)))]
