"""GBCS messages, generated and mutated, of which none may change what a hub knows: the hub relays them, that is all.

Messages that the hub's own meter sends or gets are among them, mutated; what is still whole after that, and would tell
the hub something, is taken out by the layouts of this package, which share no code with the firmware's reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from chf.wire.schema import GBCS_MAX, UTC_MAX
from host_tools.gbcs import build

_LENGTHS = bytes.fromhex("0001020507 08090a0b0c 20303f407e7f 8081828384 feff")
_LONG_ONE_IN = 200  # a message of up to GBCS_MAX octets costs as much as ten others
_POOL = 1_000  # whole messages from which the others are made
_SUPPLIER = bytes.fromhex("90b3d51f30010000")
_IMAGE = bytes(range(32))


def messages(meter: bytes, count: int, seed: int) -> Iterator[tuple[bool, bytes]]:
    """Yield (whether it goes down to the meter, its octets) so many times. meter: EUI-64 of the hub's own."""
    draw = Random(seed)
    pool = [_whole(draw, meter) for _ in range(_POOL)]
    for _ in range(count):
        down = draw.random() < 0.5
        octets = _any(draw, meter, pool)
        while tells(octets, down, meter):
            octets = _any(draw, meter, pool)
        yield down, octets


def tells(octets: bytes, down: bool, meter: bytes) -> bool:
    """Whether a hub might learn something from it. "Might": what is in doubt is taken for yes."""
    if meter not in octets or not _adds_up(octets):
        return False
    parsed = build.parse(octets)
    if parsed is None:
        return False
    if down:
        return bool(parsed.recipient == meter and (parsed.cra, parsed.information.code) == (build.COMMAND, build.CS06))
    told = {(build.RESPONSE, build.CS06), (build.RESPONSE, build.ECS52), (build.ALERT, build.CS06_ENDED)}
    return bool(parsed.originator == meter and (parsed.cra, parsed.information.code) in told)


def _adds_up(octets: bytes) -> bool:
    """Whether the seven lengths of general-signing fit: quick, so that most need not be parsed."""
    at = octets.find(b"\xdf\x09", 0, 16) + 1
    end = len(octets) - (len(build.FILLER_MAC) if octets[0] == 0xDD else 0)
    for _ in range(7 if at else 0):
        if at >= end:
            return False
        at += 1 + octets[at]
    return at == end


def _any(draw: Random, meter: bytes, pool: list[bytes]) -> bytes:
    if draw.randrange(_LONG_ONE_IN) == 0:
        return _long(draw, meter, draw.choice(pool))
    way = draw.randrange(12)
    if way == 0:
        return draw.randbytes(draw.randrange(280))
    if way == 1:
        return _shaped(draw, meter)
    whole = draw.choice(pool)
    return whole if way == 2 else _mutated(draw, whole, draw.choice(pool))


def _heading(draw: Random, meter: bytes) -> build.Heading:
    ends = [_SUPPLIER, draw.randbytes(8) if draw.randrange(3) == 0 else meter]
    draw.shuffle(ends)
    originator, recipient = ends
    counter = draw.choice((draw.randrange(1 << 8), draw.randrange(1 << 16), draw.getrandbits(64)))
    form = (None, False, True)
    sent_utc = draw.choice((0, 1, UTC_MAX))
    return build.Heading(counter, originator, recipient, sent_utc, draw.choice(form), draw.choice(form))


def _whole(draw: Random, meter: bytes) -> bytes:
    """One as a supplier or a meter sends it, in whichever direction."""
    heading = _heading(draw, meter)
    version = draw.choice((None, draw.randbytes(4)))
    utc = draw.randrange(1, UTC_MAX)
    kind = draw.randrange(8)
    if kind == 0:
        return build.activate(heading, _IMAGE)
    if kind == 1:
        return build.activate(heading, _IMAGE, utc)
    if kind == 2:
        return build.cancel(heading, _IMAGE)
    if kind == 3:
        return build.accepted(heading)
    if kind == 4:
        return build.result(heading, draw.randrange(4), version)
    if kind == 5:
        return build.ended(heading, draw.randrange(4), utc, version, draw.getrandbits(64))
    if kind == 6:
        return build.version_read(heading, draw.randbytes(4))
    return build.restored(heading, utc // 2, utc // 2 + draw.randrange(1_000))


def _mutated(draw: Random, octets: bytes, other: bytes) -> bytes:
    """One of them cut, lengthened, or changed in some of its octets."""
    out = bytearray(octets)
    at = draw.randrange(len(out))
    way = draw.randrange(8)
    if way < 3:
        for _ in range(way + 1):
            out[draw.randrange(len(out))] = draw.randrange(256)
    elif way == 3:
        del out[at:]
    elif way == 4:
        out += draw.randbytes(draw.randrange(1, 24))
    elif way == 5:
        out[at] = draw.choice(_LENGTHS)
    elif way == 6:
        out[at:] = other[at:]
    else:
        out[at : at + draw.randrange(16)] = draw.randbytes(draw.randrange(4))
    return bytes(out)


def _shaped(draw: Random, meter: bytes) -> bytes:
    """Well-formed outside, of any content."""
    inner = draw.randbytes(draw.randrange(40))
    content = draw.choice((inner, b"\x30" + bytes((len(inner),)) + inner))
    cra, code = draw.randrange(5), draw.choice((build.CS06, build.CS06_ENDED, build.ECS52, draw.getrandbits(16)))
    return build.message(_heading(draw, meter), cra, code, content, signed=True, ciphered=False)


def _long(draw: Random, meter: bytes, whole: bytes) -> bytes:
    length = draw.randrange(265, GBCS_MAX + 1)
    if draw.randrange(2):
        return build.other(_heading(draw, meter)._replace(ciphered=False), draw.randrange(1, 4), build.CS06, length)
    return (whole + draw.randbytes(length))[:length]
