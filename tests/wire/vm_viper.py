"""Pushes lines through two framers, with and without the viper module, heap locked; runs on the MicroPython VM.

Usage: vm_viper.py FIRMWARE_DIR LINES_JSON, a list of [line in hex, piece]. Prints "same N viper yes|no".
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from micropython import heap_lock, heap_unlock

from chf.wire.framing import Framer


def push(framer, line, at, end):
    heap_lock()
    try:
        return framer.push(line, at, end)
    finally:
        heap_unlock()


def receive(framer, line, piece):
    """All that can be seen: where each push stops, the contents, at the end the drops."""
    seen = []
    start = 0
    while start < len(line):
        end = min(start + piece, len(line))
        while start < end:
            start = push(framer, line, start, end)
            seen.append((start, bytes(framer.buf[: framer.ready])))
    seen.append(bytes(framer.drops))
    return seen


def main():
    with open(sys.argv[2]) as file:
        lines = json.load(file)
    for text, piece in lines:
        line = bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))
        for source in (line, bytearray(line), memoryview(line)):
            for size in (8, 64, 1534):
                quick, plain = Framer(size), Framer(size)
                plain.viper = None
                if receive(quick, source, piece) != receive(plain, source, piece):
                    raise AssertionError((text, piece, size))
                quick.push(b"~abc", 0, 4)
                quick.reset()
                if receive(quick, line, piece)[:-1] != receive(Framer(size), line, piece)[:-1]:
                    raise AssertionError(("reset", text, piece, size))
    print("same", len(lines), "viper", "yes" if Framer().viper else "no")


main()
