"""The quick way through frames on the host: what is plainly good. Everything else is left to the framer and Construct.

Both give up with None wherever a frame is not plainly good, so that who refuses it, counts it and says why is always
the specification: chf.wire.framing for what is around a frame, frames.py's structs for what is in it.
"""

from __future__ import annotations

import binascii
import struct
from typing import Any

from chf.wire import framing, schema
from chf.wire.codec import items
from host_tools.names import Named, names_of

_FLAG = bytes((framing.FLAG,))
_ESCAPE = bytes((framing.ESCAPE,))
_CONTROLS = bytes(range(framing.FIRST_PLAIN))
_UNESCAPED = [bytes((octet ^ framing.ESCAPE_XOR,)) for octet in range(256)]
# binascii's CRC is the framing's with the bits of each octet, and of the result, the other way round.
_MIRRORED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_GOOD = int(f"{framing.FCS_GOOD:016b}"[::-1], 2)
_LEAST = schema.HEADER_LEN + schema.FCS_LEN
_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}


def content_of(segment: bytes) -> bytes | None:
    """The content between two flags, without FCS; None where it is not plainly good."""
    if len(segment.translate(None, _CONTROLS)) != len(segment):
        return None
    first, *rest = segment.split(_ESCAPE)
    if rest:
        if not all(rest):
            return None
        segment = first + b"".join([_UNESCAPED[part[0]] + part[1:] for part in rest])
    if not _LEAST <= len(segment) <= schema.FRAME_MAX:
        return None
    if binascii.crc_hqx(segment.translate(_MIRRORED), framing.FCS_INIT) != _GOOD:
        return None
    return segment[: -schema.FCS_LEN]


class Deframer:
    """Turns what comes off a line into contents: those between two flags quickly, all else by the firmware's framer."""

    def __init__(self) -> None:
        self.framer = framing.Framer()
        self._between = False  # the framer stands behind a flag, and frames taken quickly leave it there

    def feed(self, octets: bytes) -> list[bytes]:
        """Take octets; return the contents of the good frames that they completed."""
        contents = []
        at, end = 0, len(octets)
        while at < end:
            if self._between:
                flag = octets.find(_FLAG, at)
                content = content_of(octets[at:flag]) if flag > at else None
                if content is not None:
                    contents.append(content)
                if content is not None or flag == at:
                    at = flag + 1
                    continue
            at = self.framer.push(octets, at, end)
            self._between = self.framer.ready > 0
            if self._between:
                contents.append(bytes(self.framer.buf[: self.framer.ready]))
        return contents


class Fields:
    """The fields of one message, made once from the schema's string: unpack() where the length fits."""

    def __init__(self, owner: str, fields: str) -> None:
        codes, self._wide = ">", []
        rows = []
        self._open = fields.endswith("*")
        for place, (name, kind) in enumerate(items(fields)):
            if kind != "*":
                codes += _CODES.get(kind) or f"{int(kind[1:]) // 8 if kind[0] == 'u' else int(kind[1:])}s"
                if kind[0] == "u" and kind not in _CODES:
                    self._wide.append(place)
            named = names_of(owner, name) if kind[0] == "u" else {}
            rows.append((name, {value: Named(value, text) for value, text in named.items()}))
        self._names = [name for name, _ in rows]
        self._named = [row for row in rows if row[1]]
        self._struct = struct.Struct(codes)
        self._most = self._struct.size + (schema.GBCS_MAX if self._open else 0)

    def unpack(self, payload: bytes) -> dict[str, Any] | None:
        """Name -> value, None where the payload has not the message's length."""
        fixed = self._struct.size
        if not fixed <= len(payload) <= self._most:
            return None
        values: list[Any] = [*self._struct.unpack_from(payload)]
        for place in self._wide:
            values[place] = int.from_bytes(values[place], "big")
        if self._open:
            values.append(bytes(payload[fixed:]))
        found = dict(zip(self._names, values, strict=True))
        for name, named in self._named:
            found[name] = named.get(found[name], found[name])
        return found
