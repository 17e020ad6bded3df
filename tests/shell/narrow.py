"""The memory board that fails when told, and the peers of its hub; runs on CPython and on MicroPython."""

import json

from chf.wire import schema as s
from chf.wire.auth import Key
from chf.wire.endpoint import Endpoint
from chf.wire.framing import STUFFED_MAX, Framer, stuff

try:
    from host_tools.replay import memory_board
except ImportError:  # where host_tools is no package: its folder is on the path
    import memory_board

TICKS_MASK = memory_board.TICKS_MASK
Restarted = memory_board.Restarted
EIO = 5
UTC = 836_000_000
HUB = bytes(range(8))
ESME = bytes(range(8, 16))
KEYS = {name: bytes((i,)) * 32 for i, name in enumerate(("esme", "head_end", "bench_esme", "bench_head_end"))}

# What a call of the store does.
WORKS = 0
REFUSES = 1  # raises, nothing is changed
LATE = 2  # raises, and has taken place all the same
TEARS = 3  # raises; half of an append is there, a replace has not taken place


def identity_text(**more):
    """A whole identity file; `more` replaces what stands in it."""
    keys = dict([(name, KEYS[name].hex()) for name in KEYS])
    return json.dumps(dict({"hub": HUB.hex(), "esme": ESME.hex(), "keys": keys}, **more))


class Store(memory_board.Store):
    """`faults`: for each call to come what it does; after them every call works.

    blind: names that cannot be read. log: (call, name) of each write that was tried.
    """

    def __init__(self, files=None):
        super().__init__(files)
        self.faults = []
        self.blind = ()
        self.log = []

    def read(self, name):
        if self._fault() != WORKS or name in self.blind:
            raise OSError(EIO)
        return super().read(name)

    def append(self, name, data):
        self.log.append(("append", name))
        fault = self._fault()
        data = bytes(data)
        if fault == TEARS:
            data = data[: len(data) // 2]
        if fault != REFUSES:
            super().append(name, data)
        if fault != WORKS:
            raise OSError(EIO)

    def replace(self, name, pieces):
        self.log.append(("replace", name))
        fault = self._fault()
        pieces = list(pieces)  # read whole, whatever becomes of them
        if fault in (WORKS, LATE):
            super().replace(name, pieces)
        if fault != WORKS:
            raise OSError(EIO)

    def _fault(self):
        return self.faults.pop(0) if self.faults else WORKS


class Port(memory_board.Port):
    """takes: for each write to come how many octets of it the port takes; after them all. stuck: it takes none.

    flood: octets that come for ever after those in rx.
    """

    def __init__(self, *links):
        super().__init__(*links)
        self.takes = []
        self.stuck = False
        self.flood = b""
        self.reads = 0

    def readinto(self, buf):
        self.reads += 1
        while self.flood and len(self.rx) < len(buf):
            self.rx.extend(self.flood)
        return super().readinto(buf)

    def write(self, buf, start, end):
        if self.stuck:
            return 0
        if self.takes:
            end = min(end, start + self.takes.pop(0))
        return super().write(buf, start, end)


class Board(memory_board.Board):
    """The memory board with these ports and this store."""

    name = "narrow"

    def __init__(self, store=None, identity=None, strapped=True, reset=s.RESET_POWER_ON, now=TICKS_MASK - 5_000):
        text = identity_text() if identity is None else identity
        links = [Port(s.LINK_HAN), Port(s.LINK_WAN), Port(s.LINK_BENCH)]
        super().__init__(store or Store(), text, strapped, reset, now, links)


class Peers:
    """The three that talk to a hub on a Board: their frames to it, and its frames to them.

    strict: a frame that does not open is a failure; else, where keys change at random, it is nobody's.
    """

    def __init__(self, board, strict=True):
        self.board = board
        self.strict = strict
        self.endpoint = Endpoint(False, board.strapped)
        prefix = "bench_" if board.strapped else ""
        self.endpoint.keys[s.LINK_HAN] = Key(KEYS[prefix + "esme"])
        self.endpoint.keys[s.LINK_WAN] = Key(KEYS[prefix + "head_end"])
        self.counter = 0
        self._framers = [Framer() for _ in board.links]
        self._read = [0 for _ in board.links]

    def next_counter(self):
        self.counter += 1
        return self.counter.to_bytes(8, "big")

    def octets(self, name, fields):
        """One frame to the hub, stuffed."""
        content = self.endpoint.seal(name, fields)
        out = bytearray(STUFFED_MAX)
        return bytes(out[: stuff(content, len(content), out)])

    def say(self, name, **fields):
        """One frame on its link's port."""
        octets = self.octets(name, fields)
        link = self.endpoint.seal(name, fields)[1] & s.LINK_MASK
        for port in self.board.links:
            if port.links >> link & 1:
                port.rx.extend(octets)
                return

    def flag(self, name="activation_pending", **fields):
        """One flag message of the meter."""
        values = {"esme": ESME, "hub": HUB, "counter": self.next_counter()}
        if name == "activation_pending":
            values.update({"image_hash": bytes(32), "expected_outage_s": 300, "valid_s": 600})
        values.update(fields)
        self.say(name, **values)

    def heard(self):
        """[(name, fields)] of what the hub has sent since the last call. If strict, raises for what does not open."""
        found = []
        for i, port in enumerate(self.board.links):
            framer = self._framers[i]
            end = len(port.tx)
            while self._read[i] < end:
                self._read[i] = framer.push(port.tx, self._read[i], end)
                if framer.ready:
                    opened = self.endpoint.open(framer.buf, framer.ready, port.links)
                    if opened is None:
                        if self.strict:
                            raise ValueError("a frame that its peer cannot open")
                        continue
                    # A view of the framer's buffer would change with the next frame.
                    kept = {name: bytes(v) if isinstance(v, memoryview) else v for name, v in opened[1].items()}
                    found.append((opened[0], kept))
        return found


def run(shell, peers, ms, answers=True):
    """Let the hub's time pass, wake it when it asks to; what it says. answers: of the head-end, at once."""
    board = shell.board
    end = board.now + ms
    said = []
    while True:
        shell.step()
        new = peers.heard()
        said += new
        if answers:
            for name, fields in new:
                answer(peers, name, fields)
        if any([port.rx for port in board.links]):
            continue
        if board.now >= end:
            return said
        before = board.now
        shell.sleep()
        board.now = before + min((board.now - before) & TICKS_MASK, end - before)


def answer(peers, name, fields):
    """What a head-end says to that."""
    if name == "time_request":
        counter = peers.counter.to_bytes(8, "big")
        peers.say("time_reply", nonce=fields["nonce"], utc=UTC + peers.board.now // 1000, counter=counter)
    elif name == "ad1":
        peers.say("ad1_ack", id=fields["id"], revision=fields["revision"])
    elif name == "restored":
        peers.say("restored_ack", id=fields["id"])
    elif name == "hold_notice":
        peers.say("hold_ack", id=fields["id"], window_s=fields["window_s"], accepted=1)
