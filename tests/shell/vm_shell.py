"""The whole shell on a narrow board, fuzzed: any octets, lines, clock and store. Runs on MicroPython and CPython.

Usage: vm_shell.py FIRMWARE_DIR NARROW_DIR BOARD_DIR SEED ROUNDS. Prints "passed N rounds"; what leaves the shell
ends it.
"""

import gc
import sys

sys.path.insert(0, sys.argv[3])
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[1])

import narrow

from chf.shell import Shell
from chf.wire import schema as s
from chf.wire.codec import items, message, numbers

FAULTS = (narrow.WORKS, narrow.WORKS, narrow.WORKS, narrow.WORKS, narrow.REFUSES, narrow.LATE, narrow.TEARS)


class Draw:
    """The same numbers on every VM: a linear congruential generator (Numerical Recipes' constants)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        return (self._state >> 8) % n

    def octets(self, n):
        return bytes([self.below(256) for _ in range(n)])

    def one_of(self, values):
        return values[self.below(len(values))]


def drawn(draw, name, kind):
    """A value for a field."""
    if name == "esme" and draw.below(8):
        return narrow.ESME
    if name == "hub" and draw.below(8):
        return narrow.HUB
    if kind == "*":
        return draw.octets(draw.below(120))
    if kind[0] != "u":
        width = int(kind[1:])
        return draw.octets(width) if draw.below(2) else bytes(width - 1) + bytes((draw.below(16),))
    return draw.below(6) if draw.below(2) else draw.below(1 << min(24, int(kind[1:])))


class Fuzz:
    """A hub, and what happens to it."""

    def __init__(self, seed):
        self.draw = Draw(seed)
        self.store = narrow.Store()
        self.strapped = True
        self.bits = s.SENSE_SUPPLY
        self.kinds = [row for row in [message(number) for number in numbers(s.MESSAGES)] if not row[2]]
        self.kinds = [row for row in self.kinds if row[1] != s.LINK_RIG]
        self.boot(s.RESET_POWER_ON)
        self.heard = {}

    def boot(self, reset):
        draw = self.draw
        text = narrow.identity_text(policy=draw.below(4)) if draw.below(6) else draw.one_of(("{}", "", "[1]"))
        self.board = narrow.Board(self.store, text, self.strapped, reset, draw.below(1 << 30))
        self.board.bits = self.bits
        self.shell = Shell(self.board)
        self.peers = narrow.Peers(self.board)

    def passes(self, ms):
        for name, _fields in narrow.run(self.shell, self.peers, ms, self.draw.below(4) > 0):
            self.heard[name] = self.heard.get(name, 0) + 1

    def act(self):
        draw = self.draw
        what = draw.below(9)
        if what < 3:
            name, _link, _from_hub, _mac, fields = draw.one_of(self.kinds)
            self.peers.say(name, **dict([(field, drawn(draw, field, kind)) for field, kind in items(fields)]))
            self.passes(5)
        elif what == 3:
            draw.one_of(self.board.links).rx.extend(draw.octets(draw.below(200)))
            self.passes(5)
        elif what == 4:
            self.bits = self.board.bits = draw.below(8)
            self.board.mv = draw.one_of((0, 1_999, 2_001, 2_300, 5_000, 65_535))
        elif what == 5:
            self.passes(draw.one_of((1, 500, 6_000, 61_000, 190_000)))
        elif what == 6:
            self.board.now = (self.board.now + draw.one_of((1, 20_000, 900_000))) & narrow.TICKS_MASK
        elif what == 7:
            self.store.faults = [draw.one_of(FAULTS) for _ in range(draw.below(12))]
        else:
            for port in self.board.links:
                port.takes = [draw.below(20) for _ in range(draw.below(40))]
            if draw.below(2):
                self.strapped = draw.below(4) > 0
                self.boot(draw.one_of((s.RESET_POWER_ON, s.RESET_OTHER)))


def main():
    """All rounds."""
    fuzz = Fuzz(int(sys.argv[4]))
    rounds = int(sys.argv[5])
    for _ in range(rounds):
        try:
            fuzz.act()
        except narrow.Restarted:
            fuzz.boot(s.RESET_OTHER)
        gc.collect()
    fuzz.store.faults = []
    fuzz.boot(s.RESET_OTHER)
    fuzz.peers.say("identify")
    fuzz.passes(10)
    counts = [name + "=" + str(fuzz.heard[name]) for name in sorted(fuzz.heard)]
    print("passed", rounds, "rounds", " ".join(counts))


main()
