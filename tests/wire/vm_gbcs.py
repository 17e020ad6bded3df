"""Reads the worked GBCS messages and 100,000 generated and mutated ones; runs on MicroPython and CPython.

Usage: vm_gbcs.py FIRMWARE_DIR GBCS_VECTORS_JSON. Prints "passed N checks, M messages, K read, digest D"; whatever is
wrong raises. The digest is of all that was read, so two machines that agree print the same line.
"""

import gc
import json
import sys

sys.path.insert(0, sys.argv[1])

from chf.wire import gbcs, schema

MESSAGES = 100000
LONGEST = 1500
READ_MOST = 3072  # octets of heap on a 64-bit machine: one message's reading, whatever its length
LENGTHS = b"\x00\x01\x02\x05\x07\x08\x09\x0a\x0b\x0c\x20\x30\x3f\x40\x7e\x7f\x80\x81\x82\x83\x84\xfe\xff"
passed = 0


def check(good, what):
    """Count a check; raise when it fails."""
    global passed
    if not good:
        raise AssertionError(what)
    passed += 1


def unhex(text):
    """Octets from hex."""
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def messages_of(doc):
    """The worked messages, and what each reads as."""
    found = []
    for vector in doc["messages"]:
        want = vector["read"]
        if want is not None:
            want[0] = getattr(gbcs, want[0])
            want = tuple(unhex(value) if isinstance(value, str) else value for value in want)
        found.append((vector["name"], unhex("".join(part[1] for part in vector["parts"])), want))
    return found


def with_time(octets, time):
    """The worked message with a time, with another time in its place; no length changes."""
    at = octets.find(b"\x18\x0f") + 2
    return octets[:at] + time.encode() + octets[at + 15 :]


def vectors(doc):
    """What must be read, and what must not, from each kind of buffer."""
    found = messages_of(doc)
    for name, octets, want in found:
        for buffer in (octets, bytearray(octets), memoryview(octets), memoryview(b"x" + octets)[1:]):
            check(gbcs.read(buffer) == want, name)
        for at in range(len(octets)):
            check(gbcs.read(memoryview(octets)[:at]) is None, name)
    for vector in doc["refused"]:
        check(gbcs.read(unhex(vector["octets"])) is None, vector["name"])
    dated = next(octets for name, octets, _ in found if name.startswith("activate at 2"))
    for time, utc in doc["times"]:
        check(gbcs.read(with_time(dated, time))[5] == utc, time)
    return [octets for _, octets, _ in found]


class Dice:
    """A generator of our own, the same on every machine."""

    def __init__(self, seed):
        self.state = seed

    def roll(self, sides):
        """0 to sides - 1."""
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % sides

    def octets(self, n):
        """So many octets."""
        return bytes(self.roll(256) for _ in range(n))


def of_lengths(dice):
    """A message that is well-formed outside, of any content."""
    out = bytearray(b"\xdf\x09" + bytes((dice.roll(5),)) + dice.octets(8))
    for n in (8, 8, (0, 12)[dice.roll(2)]):
        out += bytes((n,)) + dice.octets(n)
    code = (0x12, 0x12, 0x59, 0xCA)[dice.roll(4)]
    out += bytes((2, 0, code))
    n = dice.roll(40)
    out += bytes((n + 2, 0x30, n)) + dice.octets(n)
    return out + b"\x00"


def mutated(dice, seeds):
    """One message, somehow."""
    out = bytearray(seeds[dice.roll(len(seeds))])
    way = dice.roll(10)
    at = dice.roll(len(out))
    if way < 3:
        for _ in range(way + 1):
            out[dice.roll(len(out))] = dice.roll(256)
    elif way == 3:
        out = out[:at]
    elif way == 4:
        out += dice.octets(dice.roll(24))
    elif way == 5:
        out[at] = LENGTHS[dice.roll(len(LENGTHS))]
    elif way == 6:
        out = out[:at] + seeds[dice.roll(len(seeds))][at:]
    elif way == 7:
        n = dice.roll(16)
        out = out[:at] + dice.octets(dice.roll(4)) + out[at + n :]
    elif way == 8:
        out = of_lengths(dice)
    elif not dice.roll(8):
        out += bytes(dice.roll(LONGEST - len(out) + 1))
    return out


def fuzz(dice, seeds, count):
    """Read so many; return (how many told something, a digest of it all)."""
    told = 0
    digest = 0
    for i in range(count):
        octets = mutated(dice, seeds)
        if i & 1:
            octets = memoryview(octets)
        found = gbcs.read(octets)
        if found is None:
            continue
        kind, counter, originator, recipient, what, number = found
        shape = len(counter) == len(originator) == len(recipient) == 8 and gbcs.ACTIVATE <= kind <= gbcs.VERSION
        most = schema.UTC_MAX if kind == gbcs.ACTIVATE else 3 if kind == gbcs.RESULT else 0
        if kind <= gbcs.CANCEL:
            shape = shape and len(what) == 32
        elif what is not None:
            shape = shape and len(what) == 4 and kind != gbcs.ACCEPTED
        if not (shape and 0 <= number <= most):
            raise AssertionError((bytes(octets), found))
        told += 1
        for octet in bytes((kind,)) + counter + originator + recipient + (what or b"") + number.to_bytes(4, "big"):
            digest = (digest * 31 + octet) & 0x3FFFFFFF
    return told, digest


def taken(octets):
    """Octets of heap that reading one message takes, nothing being collected."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    gbcs.read(octets)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def main():
    """Run every check."""
    with open(sys.argv[2]) as file:
        doc = json.load(file)
    seeds = vectors(doc)
    doc = None
    measured = hasattr(gc, "mem_alloc")  # CPython cannot say: the results are checked all the same
    most = 0
    if measured:
        long = [bytes((tag,)) * LONGEST for tag in b"\xdd\xdf"]
        most = max(taken(octets) for octets in seeds + long)
    dice = Dice(1)
    fuzz(dice, seeds, 500)
    gc.collect()
    before = gc.mem_alloc() if measured else 0
    told, digest = fuzz(dice, seeds, MESSAGES)
    gc.collect()
    after = gc.mem_alloc() if measured else 0
    if sys.platform != "webassembly":  # there the collector waits for the script's end
        check(after == before, f"heap drift of {after - before} octets")
    check(most <= READ_MOST, f"{most} octets of heap for one message")
    print("passed", passed, "checks,", MESSAGES, "messages,", told, "read, digest", digest)


main()
