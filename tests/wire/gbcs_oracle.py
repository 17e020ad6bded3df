"""A second way to read GBCS, sharing no code with the firmware: regular expressions, and the calendar of the stdlib."""

import re
from datetime import datetime

UTC_MAX = 0xF0000000
EPOCH = datetime(2000, 1, 1)
KINDS = {"ACTIVATE": 1, "CANCEL": 2, "ACCEPTED": 3, "RESULT": 4, "DONE": 5, "FAILED": 6, "VERSION": 7}


def _led(least: int, most: int, start: bytes = b"") -> bytes:
    """A length of least to most octets, and so many that begin with `start`."""
    sizes = (re.escape(bytes((size,))) + start + b".{%d}" % (size - least) for size in range(least, most + 1))
    return b"(?:" + b"|".join(sizes) + b")"


def _sequence(body: bytes) -> bytes:
    """A DER SEQUENCE whose length the caller has to compare."""
    return rb"\x30(?P<length>.)" + body


_LONG = [
    rb"\x02" + re.escape(bytes((size,))) + rb"(?:\0[\x80-\xff]|[\x01-\x7f].).{%d}" % (size - 2) for size in range(2, 9)
]
INTEGER = b"(?:" + b"|".join([rb"\x02\x01[\0-\x7f]", *_LONG, rb"\x02\x09\0[\x80-\xff].{7}"]) + b")"
OUTCOME = rb"(?P<outcome>\x30(?:\x03\x02\x01[\0-\x03]|\x09\x02\x01[\0-\x03]\x04\x04.{4}))"
CONTENTS = {
    (1, 0x0012): _sequence(rb"\x04\x20(?P<image>.{32})" + INTEGER + rb"(?:\x18\x0f(?P<time>[0-9]{14})Z)?"),
    (2, 0x0012): rb"(?P<accepted>\x05\0)|" + OUTCOME,
    (2, 0x0059): rb"\xda.{4}\0\0\x01\x09\x04(?P<version>.{4})\x01\x01\0",
    (3, 0x00CA): _sequence(rb"\x02\x03\0\x8f(?P<code>[\x66\x67])\x18\x0f.{14}Z(?P<of>" + INTEGER + b")" + OUTCOME),
}
SIGNING = re.compile(
    rb"\xdf\x09([\0-\xff])(.{8})\x08(.{8})\x08(.{8})(?:\0|\x0c.{12})"
    + rb"(?P<information>" + _led(2, 127, b"..") + rb")(?P<content>" + _led(2, 127, b"..") + rb")(?:\0|\x40.{64})",
    re.DOTALL,
)  # fmt: skip
CIPHERING = re.compile(rb"\xdd\0{6}(?:([\0-\x7f])|\x81([\x80-\xff]))(\x11\0{4}(.*).{12})", re.DOTALL)


def _seconds(digits: bytes) -> int | None:
    try:
        utc = int((datetime.strptime(digits.decode(), "%Y%m%d%H%M%S") - EPOCH).total_seconds())
    except ValueError:
        return None
    return utc if 0 < utc <= UTC_MAX else None


def read(octets: bytes) -> tuple | None:
    """What chf.wire.gbcs.read should return."""
    ciphering = CIPHERING.fullmatch(octets)
    if ciphering:
        length = ciphering[1] or ciphering[2]
        if length[0] != len(ciphering[3]):
            return None
        octets = ciphering[4]
    signing = SIGNING.fullmatch(octets)
    if not signing:
        return None
    code = int.from_bytes(signing["information"][1:3], "big")
    pattern = CONTENTS.get((signing[1][0], code))
    content = signing["content"][1:]
    found = re.fullmatch(pattern, content, re.DOTALL) if pattern else None
    if not found:
        return None
    parts = found.groupdict()
    if "length" in parts and parts["length"][0] != len(content) - 2:
        return None
    kind, what, number = _kind(parts)
    counter = signing[2]
    if kind in ("DONE", "FAILED"):  # of the command that it names
        counter = int.from_bytes(parts["of"][2:], "big").to_bytes(8, "big")
    return None if kind is None else (KINDS[kind], counter, signing[3], signing[4], what, number)


def _kind(parts: dict) -> tuple:
    if "image" in parts:
        if parts["time"] == b"99991231235959":
            return "CANCEL", parts["image"], 0
        due = _seconds(parts["time"]) if parts["time"] else 0
        return (None if due is None else "ACTIVATE"), parts["image"], due
    if "version" in parts:
        return "VERSION", parts["version"], 0
    if parts.get("accepted"):
        return "ACCEPTED", None, 0
    outcome = parts["outcome"]
    version = outcome[7:] or None
    if "code" not in parts:
        return "RESULT", version, outcome[4]
    return ("DONE" if parts["code"] == b"\x66" and not outcome[4] else "FAILED"), version, 0
