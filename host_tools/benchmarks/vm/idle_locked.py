"""The idle loop of a running hub, and its framer, with the heap locked: what they allocate raises MemoryError."""

import gc
import micropython

from narrow_board import NarrowBoard, Peers, result, settings

from chf.shell import Shell
from chf.wire.framing import Framer, stuff

PIECE = 256  # octets that the shell takes from a port at once


def idle(shell, steps):
    """How many of so many passes of the shell's own loop allocated."""
    allocating = 0
    micropython.heap_lock()
    for _ in range(steps):
        try:
            shell.step()
            shell.sleep()
        except MemoryError:
            allocating += 1
    micropython.heap_unlock()
    return allocating


def allocated():
    gc.collect()
    return gc.mem_alloc()


def streams():
    """Rows of octets with frames in them: whole, damaged, aborted, cut short, too short, too long, and idle flags."""
    made = []
    buf = bytearray(4096)
    for length in (3, 16, 64, 200, 1534):
        content = bytes([(i * 37 + length) & 0xFF for i in range(length)])
        n = stuff(content, length, buf)
        good = bytes(memoryview(buf)[:n])
        made.append(good)
        buf[n // 2] ^= 0x40
        made.append(bytes(memoryview(buf)[:n]))
        made.append(good[:-1] + bytes((0x7D, 0x7E)))
        made.append(good[: n // 2] + good)
    made.append(bytes((0x7E, 1, 2, 0x7E)))
    made.append(bytes((0x7E,)) * 300)
    made.append(bytes((0x7E,)) + bytes((0x55,)) * 2000 + bytes((0x7E,)))
    return made


def push_all(framer, made, rounds):
    """(frames found, pushes that allocated)."""
    found = allocating = 0
    micropython.heap_lock()
    for _ in range(rounds):
        for octets in made:
            at = 0
            end = len(octets)
            while at < end:
                stop = at + PIECE
                if stop > end:
                    stop = end
                try:
                    at = framer.push(octets, at, stop)
                    if framer.ready:
                        found += 1
                except MemoryError:
                    allocating += 1
                    at = stop
    micropython.heap_unlock()
    return found, allocating


def main():
    wanted = settings()
    shell = Shell(NarrowBoard(wanted["identity"]))
    Peers(shell).settle()
    idle(shell, 100)
    steps = wanted["steps"]
    began = shell.board.now
    before = allocated()
    allocating = idle(shell, steps)
    drift = allocated() - before
    passed_ms = (shell.board.now - began) & 0x3FFFFFFF
    made = streams()
    framer = Framer()
    rounds = (wanted["frames"] + len(made) - 1) // len(made)
    found, framer_allocating = push_all(framer, made, rounds)
    result(
        steps=steps,
        allocating=allocating,
        drift=drift,
        passed_ms=passed_ms,
        frames=rounds * len(made),
        found=found,
        framer_allocating=framer_allocating,
    )


main()
