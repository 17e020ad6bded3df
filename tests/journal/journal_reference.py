"""A second writer of journal files, made from SPEC.md alone with struct and zlib: what a hub in C would write."""

import struct
import zlib

SEED = zlib.crc32(b"CHFJ\x01")


def header(generation=1, first=0, mark=0, version=1):
    head = struct.pack(">4sBBIH", b"CHFJ", version, mark, generation, first)
    return head + struct.pack(">I", zlib.crc32(head))


def record(kind, number, payload, length=None):
    length = len(payload) if length is None else length
    head = struct.pack(">BBBH", kind, length, 0xFF - length, number) + payload
    return head + struct.pack(">I", zlib.crc32(head, SEED))


def life(number, left_s=120, utc=832_619_920):
    return record(0x12, number, struct.pack(">HI", left_s, utc))


def alive(number, utc=832_619_520, clean=1):
    return record(0x27, number, struct.pack(">IB", utc, clean))


def floor(number, counter=0x1001, tag=b"\x10" * 16):
    return record(0x17, number, struct.pack(">Q", counter) + tag)


def flag(number, image_hash=b"\xa5" * 32):
    return record(0x10, number, struct.pack(">Q16sB32sHHI", 42, b"\x40" * 16, 1, image_hash, 300, 1800, 832_619_520))


def key(number, octets=b"\xc3" * 32):
    return record(0x15, number, struct.pack(">Q16sB32s", 0x1003, b"\x60" * 16, 1, octets))


def esme(number, octets=b"\x3c" * 32):
    meter = b"\x00\xdb\x12\x34\x56\x78\x9a\xbc"
    return record(0x16, number, struct.pack(">Q16s8s32s", 0x1004, b"\x70" * 16, meter, octets))


def inferred(number, due=832_626_720, valid_s=0, utc=0, image_hash=b"\xa5" * 32, gbcs=1001):
    payload = struct.pack(">Q16sQ32sIHI", 0x1005, b"\x80" * 16, gbcs, image_hash, due, valid_s, utc)
    return record(0x18, number, payload)


def uninferred(number, gbcs=0):
    return record(0x19, number, struct.pack(">Q16sQ", 0x1006, b"\x90" * 16, gbcs))


def version(number, running=0x0100_0305, before=0, gap=1):
    return record(0x1A, number, struct.pack(">IIB", running, before, gap))


def without_notice(number, before=0x0100_0304, after=0x0100_0305, evidence=3):
    outage = bytes.fromhex("5ec0ffee0000000700000002")
    return record(0x29, number, outage + struct.pack(">IIB", before, after, evidence))


CONCLUDED = (inferred, uninferred, version, without_notice)  # from relayed messages
