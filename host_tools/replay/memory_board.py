"""A board of the shell's own narrow ports (chf/ports.py), in memory: for replays, tests and benchmarks.

Runs on CPython and on MicroPython. With nothing to read and nothing to write no call of it allocates.
"""

import hashlib

from chf.wire import schema as s

TICKS_MASK = (1 << 30) - 1
FULL_MV = 5_000


class Restarted(BaseException):
    """The board has restarted: no error that the firmware could catch."""


class Store:
    """Files in a dict, each write durable at once."""

    def __init__(self, files=None):
        self.files = dict(files or {})

    def read(self, name):
        return self.files.get(name)

    def append(self, name, data):
        self.files[name] = bytes(self.files.get(name, b"")) + bytes(data)

    def replace(self, name, pieces):
        self.files[name] = b"".join([bytes(piece) for piece in pieces])


class Port:
    """A serial port. rx: what comes to the hub. tx: what it has sent."""

    def __init__(self, *links):
        self.links = sum([1 << link for link in links])
        self.rx = bytearray()
        self.tx = bytearray()

    def readinto(self, buf):
        n = len(self.rx)
        if n == 0:
            return 0
        n = min(len(buf), n)
        buf[:n] = self.rx[:n]
        self.rx = self.rx[n:]
        return n

    def write(self, buf, start, end):
        self.tx.extend(bytes(buf[start:end]))
        return end - start


class Board:
    """A ports.Board whose clock moves in wait() alone, or where its owner sets `now`.

    text: of the identity file, None without one. bits, mv: the sense lines and the hold-up.
    """

    name = "memory"

    def __init__(self, store, text, strapped=True, reset=s.RESET_POWER_ON, now=0, links=None):
        self.store = store
        self.text = text
        self.strapped = strapped
        self.reset_cause = reset
        self.links = links or [Port(s.LINK_HAN), Port(s.LINK_WAN), Port(s.LINK_BENCH)]
        self.now = now
        self.bits = s.SENSE_SUPPLY | s.SENSE_MT_PR
        self.mv = FULL_MV
        self.fed = 0
        self._drawn = 0

    def identity(self):
        return self.text

    def ticks_ms(self):
        return self.now

    def wait(self, until):
        self.now = until & TICKS_MASK

    def sense(self):
        return self.bits

    def holdup_mv(self):
        return self.mv

    def random(self, n):
        self._drawn += 1
        return hashlib.sha256(bytes((self._drawn, self.now & 0xFF))).digest()[:n]

    def feed(self):
        self.fed += 1

    def restart(self):
        raise Restarted
