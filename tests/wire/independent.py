"""A second way to what the wire needs, sharing no code with the firmware: bitwise FCS, stdlib HMAC, plain stuffing."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text("ascii"))
KEYS = {1: bytes.fromhex(VECTORS["keys"]["HAN"]), 2: bytes.fromhex(VECTORS["keys"]["WAN"])}  # by link
FCS_GOOD = 0xF0B8  # RFC 1662, C.2


def fcs(octets: bytes) -> int:
    """Return the FCS register after `octets`, bit by bit: x^16 + x^12 + x^5 + 1, least significant bit first."""
    register = 0xFFFF
    for octet in octets:
        for bit in range(8):
            feedback = (register ^ octet >> bit) & 1
            register >>= 1
            if feedback:
                register ^= 0x8408
    return register


def on_the_line(content: bytes) -> bytes:
    """Return the content with FCS, stuffed, between flags."""
    check = fcs(content) ^ 0xFFFF
    stuffed = b""
    for octet in content + bytes((check & 0xFF, check >> 8)):
        stuffed += bytes((0x7D, octet ^ 0x20)) if octet < 0x20 or octet in (0x7D, 0x7E) else bytes((octet,))
    return b"\x7e" + stuffed + b"\x7e"


def tag(key: bytes, octets: bytes) -> bytes:
    """Return HMAC-SHA256 cut to 16 octets."""
    return hmac.new(key, octets, hashlib.sha256).digest()[:16]


def values_of(vector: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a frame vector as the codec takes them: integers, and octets out of hex."""
    return {name: value if isinstance(value, int) else bytes.fromhex(value) for name, value in vector["values"].items()}


def content_of(vector: dict[str, Any]) -> bytes:
    """Return the content of a frame vector: header, fields, MAC."""
    fields = "".join(octets for _, octets in vector["fields"])
    return bytes.fromhex(vector["header"] + fields + (vector["mac"] or ""))
