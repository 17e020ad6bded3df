"""Runs the worked vectors and the heap-locked paths through the firmware's own files; runs on MicroPython and CPython.

Usage: vm_vectors.py FIRMWARE_DIR VECTORS_JSON. Prints "passed N checks"; the first check that fails raises.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from chf.wire import schema
from chf.wire.auth import Key, unwrap, wrap
from chf.wire.codec import message, pack, type_of, unpack
from chf.wire.endpoint import Endpoint
from chf.wire.framing import STUFFED_MAX, Framer, fcs16, stuff

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython, which has no heap to lock: the results are checked all the same

    def heap_lock():
        """Do nothing."""

    def heap_unlock():
        """Do nothing."""


REASONS = {
    "fcs": schema.DROP_FCS,
    "long": schema.DROP_LONG,
    "short": schema.DROP_SHORT,
    "abort": schema.DROP_ABORT,
    "version": schema.DROP_VERSION,
    "address": schema.DROP_ADDRESS,
    "type": schema.DROP_TYPE,
    "length": schema.DROP_LENGTH,
    "mark": schema.DROP_MARK,
    "mac": schema.DROP_MAC,
}
passed = 0


def check(good, what):
    """Count a check; raise when it fails."""
    global passed
    if not good:
        raise AssertionError(what)
    passed += 1


def unhex(text):
    """Octets from hex: MicroPython's bytes.fromhex is as CPython's, but binascii is on every port."""
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def drop_table(counts):
    """The table of drop counts that `counts` (reason to number) stands for."""
    table = bytearray(2 * schema.DROPS)
    for reason in counts:
        table[2 * REASONS[reason] + 1] = counts[reason]
    return table


def push_locked(framer, src, start, end):
    """One push that may not allocate."""
    heap_lock()
    try:
        return framer.push(src, start, end)
    finally:
        heap_unlock()


def receive(framer, line, piece):
    """Push the line in pieces of so many octets, the heap locked; return the contents."""
    got = []
    start = 0
    while start < len(line):
        end = min(start + piece, len(line))
        at = start
        while at < end:
            at = push_locked(framer, line, at, end)
            if framer.ready:
                got.append(bytes(framer.buf[: framer.ready]))
        start = end
    return got


def stuff_locked(content, out):
    """Stuff without allocating; return the line."""
    heap_lock()
    try:
        n = stuff(content, len(content), out)
    finally:
        heap_unlock()
    return bytes(out[:n])


def endpoint(keys, from_hub, marked):
    """One side of the links."""
    side = Endpoint(from_hub, marked)
    side.keys = {schema.LINK_HAN: Key(unhex(keys["HAN"])), schema.LINK_WAN: Key(unhex(keys["WAN"]))}
    return side


def frame_vectors(doc):
    """Seal, stuff, deframe whole and by single octets, open."""
    out = bytearray(STUFFED_MAX)
    for vector in doc["frames"]:
        name = vector["name"]
        values = {field: value if isinstance(value, int) else unhex(value) for field, value in vector["values"].items()}
        content = unhex(vector["header"] + "".join(octets for _, octets in vector["fields"]) + (vector["mac"] or ""))
        number = type_of(name)
        _, link, from_hub, has_mac, table = message(number)
        marked = bool(content[1] & schema.BENCH_MARK)
        check(endpoint(doc["keys"], from_hub, marked).seal(name, values) == content, name)
        line = unhex(vector["wire"])
        check(stuff_locked(content, out) == line, name)
        for piece in (1, 7, len(line)):
            check(receive(Framer(), line, piece) == [content], name)
        tag = unhex(vector["mac"]) if has_mac else None
        receiver = endpoint(doc["keys"], not from_hub, marked)
        check(receiver.open(content, len(content), 1 << link) == (name, values, tag), name)
        body = pack(table, {field: memoryview(v) if isinstance(v, bytes) else v for field, v in values.items()})
        check(unpack(table, bytearray(b"x" + body), 1, len(body) + 1) == values, name)
        check(unpack(table, body + bytes(schema.GBCS_MAX + 1), 0, len(body) + schema.GBCS_MAX + 1) is None, name)


def framing_vectors(doc):
    """Good lines and bad ones: what comes out and what is counted."""
    data = unhex(doc["fcs"]["data"])
    check(fcs16(data, 0, len(data)) ^ 0xFFFF == int(doc["fcs"]["fcs"], 16), "fcs")
    for vector in doc["framing"]:
        line = unhex(vector["line"])
        for piece in (1, 3, len(line)):
            framer = Framer()
            check(receive(framer, line, piece) == [unhex(content) for content in vector["contents"]], vector["what"])
            check(framer.drops == drop_table(vector["drops"]), vector["what"])
    longest = bytes(i & 0xFF for i in range(schema.FRAME_MAX - schema.FCS_LEN))
    out = bytearray(STUFFED_MAX)
    framer = Framer()
    check(receive(framer, stuff_locked(longest, out), 64) == [longest], "longest frame")
    check(receive(framer, b"A" * (2 * schema.FRAME_MAX) + b"~", 64) == [], "too long")
    check(framer.drops == drop_table({"long": 1}), "too long")


def refused_vectors(doc):
    """Contents that must not pass, each with its reason."""
    for vector in doc["refused"]:
        side = endpoint(doc["keys"], vector["from_hub"], vector["marked"])
        if not vector["keys"]:
            side.keys = {}
        content = unhex(vector["content"])
        check(side.open(content, len(content), vector["links"]) is None, vector["what"])
        check(side.drops == drop_table({vector["reason"]: 1}), vector["what"])


def key_vectors(doc):
    """HMAC and key wrap."""
    for vector in doc["hmac"]:
        key = Key(unhex(vector["key"]))
        data = unhex(vector["data"])
        mac = unhex(vector["mac"])
        check(key.mac(data) == mac, "hmac")
        check(key.verify(bytearray(data + b"more"), len(data), memoryview(mac)[:16]), "verify")
        check(not key.verify(data, len(data), mac[:15]), "verify, short tag")
    for vector in doc["wrap"]:
        key = Key(unhex(vector["key"]))
        counter = unhex(vector["counter"])
        check(wrap(key, counter, unhex(vector["secret"])) == unhex(vector["wrapped"]), "wrap")
        check(unwrap(key, counter, unhex(vector["wrapped"])) == unhex(vector["secret"]), "unwrap")


def main():
    """Run every check."""
    with open(sys.argv[2]) as file:
        doc = json.load(file)
    frame_vectors(doc)
    framing_vectors(doc)
    refused_vectors(doc)
    key_vectors(doc)
    print("passed", passed, "checks")


main()
