"""The memory board on fixed buffers, so that what the firmware under measure allocates is its own; and its peers."""

import json
import os

from memory_board import TICKS_MASK, Board, Port

from chf.wire import schema as s
from chf.wire.auth import Key
from chf.wire.endpoint import Endpoint
from chf.wire.framing import Framer, stuff

FILE_OCTETS = 8192
UTC = 836_000_000
STEP_MS = 1  # of wait()
SETTLE_STEP_MS = 500
SETTLE_STEPS = 240
WRAP_AFTER_MS = 2_000  # Peers.settle()


class Line(Port):
    """put() gives it octets; what the hub writes lies in out[:written]."""

    def __init__(self, link):
        super().__init__(link)
        self.inbox = b""
        self.at = self.end = 0
        self.out = bytearray(2 * s.FRAME_MAX + 2)
        self.written = 0

    def put(self, octets, n):
        self.inbox = octets
        self.at = 0
        self.end = n
        self.written = 0

    def readinto(self, buf):
        at = self.at
        n = self.end - at
        if n > len(buf):
            n = len(buf)
        inbox = self.inbox
        for i in range(n):
            buf[i] = inbox[at + i]
        self.at = at + n
        return n

    def write(self, buf, start, end):
        out = self.out
        k = self.written
        for i in range(start, end):
            if k < len(out):
                out[k] = buf[i]
                k += 1
        self.written = k
        return end - start


class FixedStore:
    """Buffers of one size, so that what is stored takes no more of the heap, and no less."""

    def __init__(self):
        self._files = {}

    def read(self, name):
        held = self._files.get(name)
        return None if held is None else bytes(memoryview(held[0])[: held[1]])

    def append(self, name, data):
        held = self._files.setdefault(name, [bytearray(FILE_OCTETS), 0])
        end = held[1] + len(data)
        if end > FILE_OCTETS:
            raise OSError(28)
        held[0][held[1] : end] = data
        held[1] = end

    def replace(self, name, pieces):
        self._files.setdefault(name, [bytearray(FILE_OCTETS), 0])[1] = 0
        for piece in pieces:
            self.append(name, piece)


class NarrowBoard(Board):
    """Strapped, supply good. now: its tick, which a script may move; it wraps soon after Peers.settle()."""

    name = "narrow"

    def __init__(self, identity, links=None):
        links = links or [Line(s.LINK_HAN), Line(s.LINK_WAN), Line(s.LINK_BENCH)]
        now = TICKS_MASK - SETTLE_STEPS * SETTLE_STEP_MS - WRAP_AFTER_MS
        super().__init__(FixedStore(), identity, now=now, links=links)

    def wait(self, until):
        self.now = 0 if self.now == TICKS_MASK else self.now + STEP_MS  # 2**30 would allocate on 32 bits

    def feed(self):
        pass  # a million steps' count is not what is measured

    def restart(self):
        raise SystemExit(72)


class Peers:
    """The meter, the head-end and the bench of a NarrowBoard's shell: their frames, and the head-end's clock."""

    def __init__(self, shell):
        self.shell = shell
        han, wan, bench = shell.board.links
        self.lines = {s.LINK_HAN: han, s.LINK_WAN: wan, s.LINK_BENCH: bench}
        identity = json.loads(shell.board.identity())
        self.esme = bytes.fromhex(identity["esme"])
        self.hub = bytes.fromhex(identity["hub"])
        self.endpoint = Endpoint(False, True)
        self.endpoint.keys[s.LINK_HAN] = Key(bytes.fromhex(identity["keys"]["bench_esme"]))
        self.endpoint.keys[s.LINK_WAN] = Key(bytes.fromhex(identity["keys"]["bench_head_end"]))
        self._stuffed = bytearray(2 * s.FRAME_MAX + 2)
        self._framer = Framer()
        self._counter = 0
        self._utc_from = shell.board.now

    def counter(self):
        """The next of both peers."""
        self._counter += 1
        return self._counter.to_bytes(8, "big")

    def flag(self, **more):
        return dict(more, esme=self.esme, hub=self.hub)

    def say(self, name, fields, spoil=0):
        """One frame to the shell. spoil: how many octets before its end one is flipped; 0 for none."""
        content = self.endpoint.seal(name, fields)
        n = stuff(content, len(content), self._stuffed)
        if spoil:
            self._stuffed[n - spoil] ^= 0x40
        self.put(content[1] & s.LINK_MASK, self._stuffed, n)

    def put(self, link, octets, n):
        """Octets to the shell, and the head-end's answer where it then asks for the time."""
        line = self.lines[link]
        wan = self.lines[s.LINK_WAN]
        wan.written = 0
        line.put(octets, n)
        while line.at < line.end:
            self.shell.step()
        self.answer_time(wan)

    def answer_time(self, wan):
        at = 0
        while at < wan.written:
            at = self._framer.push(wan.out, at, wan.written)
            if self._framer.ready and self._framer.buf[2] == 0x26:
                nonce = bytes(self._framer.buf[s.HEADER_LEN : s.HEADER_LEN + 8])
                passed = ((self.shell.board.now - self._utc_from) & TICKS_MASK) // 1000
                wan.written = at = 0
                values = {"nonce": nonce, "utc": UTC + passed, "counter": bytes(8)}
                content = self.endpoint.seal("time_reply", values)
                n = stuff(content, len(content), self._stuffed)
                wan.put(self._stuffed, n)
                while wan.at < wan.end:
                    self.shell.step()

    def settle(self):
        """Answer what the hub has asked while it booted, and let pass what it does in its first minutes."""
        board = self.shell.board
        wan = self.lines[s.LINK_WAN]
        self.answer_time(wan)
        for _ in range(SETTLE_STEPS):
            board.now = (board.now + SETTLE_STEP_MS) & TICKS_MASK
            self.shell.step()
            self.answer_time(wan)


def settings():
    """What the host wants of this run."""
    return json.loads(os.getenv("CHF_BENCHMARK"))


def result(**values):
    """The one line that the host reads."""
    print("RESULT " + json.dumps(values))
