"""The layouts of GBCS messages as Construct structs, as the public Reference Test Data Set has them."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from construct import (
    Adapter,
    Byte,
    Bytes,
    BytesInteger,
    Check,
    Const,
    Construct,
    FocusedSeq,
    GreedyBytes,
    Int16ub,
    Int32ub,
    Int64ub,
    Optional,
    Prefixed,
    Struct,
    Terminated,
    ValidationError,
    len_,
    this,
)

EPOCH = datetime(2000, 1, 1)


class _Length(Construct):
    """A length as A-XDR and DER have it: one octet up to 127, else 0x80 + the count of the octets that follow."""

    def _parse(self, stream: BytesIO, context: Any, path: str) -> int:
        first = Byte.parse_stream(stream)
        if first < 0x80:
            return int(first)
        length = BytesInteger(first & 0x7F).parse_stream(stream) if first > 0x80 else 0
        if length < 0x80 or (length >> 8 * ((first & 0x7F) - 1)) == 0:
            raise ValidationError("a length that is not the shortest", path=path)
        return int(length)

    def _build(self, length: int, stream: BytesIO, context: Any, path: str) -> int:
        octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
        stream.write(bytes((length,)) if length < 0x80 else bytes((0x80 | len(octets),)) + octets)
        return length


class _DateTime(Adapter):
    """A DLMS date-time in UTC, its day of the week, hundredths, deviation and status as the samples have them."""

    _LAYOUT = ">HBBBBBBBhB"

    def _decode(self, octets: bytes, context: Any, path: str) -> int:
        year, month, day, _, *clock, _, _, _ = struct.unpack(self._LAYOUT, octets)
        try:
            return int((datetime(year, month, day, *clock) - EPOCH).total_seconds())
        except ValueError:
            raise ValidationError("a date-time that is none", path=path) from None

    def _encode(self, utc: int, context: Any, path: str) -> bytes:
        at = EPOCH + timedelta(seconds=utc)
        clock = (at.hour, at.minute, at.second)
        return struct.pack(self._LAYOUT, at.year, at.month, at.day, 0xFF, *clock, 0, -0x8000, 0xFF)


class _Integer(Adapter):
    """The octets of a DER INTEGER that is not negative."""

    def _decode(self, octets: bytes, context: Any, path: str) -> int:
        return int.from_bytes(octets, "big", signed=True)

    def _encode(self, value: int, context: Any, path: str) -> bytes:
        return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _der(tag: int, value: Construct) -> Construct:
    return FocusedSeq("value", Const(bytes((tag,))), "value" / Prefixed(_Length(), value))


def _led(value: Construct) -> Construct:
    return Prefixed(_Length(), value)


_INTEGER = _der(0x02, _Integer(GreedyBytes))
_OCTETS = _der(0x04, GreedyBytes)
_TIME = _der(0x18, GreedyBytes)
# Contents.
OUTCOME = _der(0x30, Struct("result" / _INTEGER, "version" / Optional(_OCTETS), Terminated))
ACTIVATE = _der(0x30, Struct("image_hash" / _OCTETS, "counter" / _INTEGER, "time" / Optional(_TIME), Terminated))
ENDED = _der(
    0x30,
    Struct("code" / _INTEGER, "time" / _TIME, "counter" / _INTEGER, "outcome" / OUTCOME, Terminated),
)
VERSION_READ = Struct(
    *(Const(b"\xda"), "invoke" / Int32ub, Const(b"\x00\x00")),  # access-response; no time, no specification
    *(Const(b"\x01\x09"), "version" / _led(GreedyBytes)),  # one datum, an octet-string
    *(Const(b"\x01\x01\x00"), Terminated),  # one get, success
)
DATE_TIME = _DateTime(Bytes(12))
_DATE_TIME = FocusedSeq("value", Const(b"\x09\x0c"), "value" / DATE_TIME)
RESTORED = Struct(
    *(Const(b"\x0f"), "invoke" / Int32ub, Const(b"\x00")),  # data-notification; no time
    *(Const(b"\x02\x04\x12"), "code" / Int16ub),  # a structure of four
    *("sent" / _DATE_TIME, "start" / _DATE_TIME, "end" / _DATE_TIME, Terminated),
)
# Whole messages.
GENERAL_SIGNING = Struct(
    Const(b"\xdf"),
    *(Const(b"\x09"), "cra" / Byte, "counter" / Int64ub),
    *("originator" / _led(GreedyBytes), Check(len_(this.originator) == 8)),
    *("recipient" / _led(GreedyBytes), Check(len_(this.recipient) == 8)),
    "sent" / _led(GreedyBytes),
    "information" / _led(Struct("code" / Int16ub, "more" / GreedyBytes)),
    "content" / _led(GreedyBytes),
    "signature" / _led(GreedyBytes),
    Terminated,
)
GENERAL_CIPHERING = Struct(
    *(Const(b"\xdd" + bytes(6)), "ciphered" / _led(Struct(Const(b"\x11" + bytes(4)), "rest" / GreedyBytes))),
    Terminated,
)
