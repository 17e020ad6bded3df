"""The shell on a board of our own ports, in memory: links, a store that fails, sense lines and a clock that jumps.

Here a whole hub runs, from octets to octets: framing, MACs, core and journal. Times are ms.
"""

import json
from hashlib import sha256

from chf.shell import Shell
from chf.wire import framing
from chf.wire import schema as s
from chf.wire.auth import Key
from chf.wire.endpoint import Endpoint
from tests.core.model import IMAGE, OUT, SUPPLY, UTC, counter
from tests.core.replay import ESME, HUB

KEYS = {"esme": bytes(range(32)), "head_end": bytes(range(32, 64))}
KEYS |= {"bench_" + name: bytes(reversed(key)) for name, key in KEYS.items()}
TICK0 = 5_000


class Store:
    """Files in a dict. failing: every write raises and leaves no trace. writes_left: the power is gone after them."""

    def __init__(self):
        self.files = {}
        self.failing = False
        self.writes_left = None

    def read(self, name):
        return self.files.get(name)

    def _write(self):
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise PowerCut
            self.writes_left -= 1
        if self.failing:
            raise OSError(5)

    def append(self, name, data):
        self._write()
        self.files[name] = self.files.get(name, b"") + bytes(data)

    def replace(self, name, pieces):
        data = b"".join([bytes(piece) for piece in pieces])
        self._write()
        self.files[name] = data


class PowerCut(BaseException):
    """No error that the firmware could catch: it is dead."""


class Port:
    """One serial port: `rx` is what comes to the hub, `tx` what it has sent."""

    def __init__(self, *links):
        self.links = sum(1 << link for link in links)
        self.rx = bytearray()
        self.tx = bytearray()

    def readinto(self, buf):
        n = min(len(buf), len(self.rx))
        buf[:n] = self.rx[:n]
        del self.rx[:n]
        return n

    def write(self, buf, start, end):
        self.tx += bytes(buf[start:end])
        return end - start


class Board:
    """A ports.Board."""

    name = "in memory"

    def __init__(self, store, now, reset, bits, strapped, options):
        self.store = store
        self.now = now
        self.reset_cause = reset
        self.bits = bits
        self.mv = 5_000
        self.strapped = strapped
        self.links = [Port(s.LINK_HAN), Port(s.LINK_WAN, s.LINK_BENCH)]
        self.restarted = False
        self._options = options

    def identity(self):
        keys = {name: key.hex() for name, key in KEYS.items()}
        return json.dumps({"hub": HUB.hex(), "esme": ESME.hex(), "keys": keys, **self._options})

    def ticks_ms(self):
        return (TICK0 + self.now) & ((1 << 30) - 1)

    def wait(self, until):
        ahead = (until - self.ticks_ms()) & ((1 << 30) - 1)
        self.now = min(self.now + ahead, self.limit)

    def sense(self):
        return self.bits

    def holdup_mv(self):
        return self.mv

    def random(self, n):
        return sha256(b"%d" % self.now).digest()[:n]

    def feed(self):
        pass

    def restart(self):
        self.restarted = True


class Bench:
    """A hub with both peers. `heard`: (ms, name, fields) of every frame that it sent and that its peer could open."""

    def __init__(self, strapped=False, **options):
        self.store = Store()
        self.options = options
        self.strapped = strapped
        self.heard = []
        self.sent_octets = b""
        self.utc = UTC
        self.answers = True  # the head-end answers
        self.counters = {"esme": 0, "head_end": 0}
        self.keys = dict(KEYS)
        self.now = 0
        self.board = None
        self.boot(s.RESET_POWER_ON)

    def boot(self, reset=s.RESET_OTHER):
        bits = SUPPLY if self.board is None else self.board.bits
        self.board = Board(self.store, self.now, reset, bits, self.strapped, self.options)
        prefix = "bench_" if self.strapped else ""
        self.peers = {}
        for link, name in ((s.LINK_HAN, "esme"), (s.LINK_WAN, "head_end")):
            self.peers[link] = Endpoint(False, self.strapped)
            self.peers[link].keys[link] = Key(self.keys[prefix + name])
        self.shell = Shell(self.board)
        self.pump()

    def run(self, ms):
        """Let time pass; the hub wakes as it asks to."""
        end = self.now + ms
        self.board.limit = end
        while True:
            self.shell.step()
            self.pump()
            self.now = self.board.now
            if self.now >= end and not any(port.rx for port in self.board.links):
                return
            self.shell.sleep()

    def lose(self, ms=0):
        self.board.bits = OUT
        self.run(ms)

    def back(self, ms=0):
        self.board.bits = SUPPLY
        self.run(ms)

    # ---- frames

    def pump(self):
        """Take what the hub has sent; the head-end answers."""
        for port in self.board.links:
            data, port.tx = bytes(port.tx), bytearray()
            self.sent_octets += data
            framer = framing.Framer()
            at = 0
            while at < len(data):
                at = framer.push(data, at, len(data))
                if framer.ready:
                    self._take(bytes(framer.buf[: framer.ready]))

    def _take(self, content):
        link = content[1] & s.LINK_MASK
        peer = self.peers.get(link) or Endpoint(False, self.strapped)
        opened = peer.open(content, len(content), 1 << link)
        if opened is None:
            return
        name, fields, _ = opened
        self.heard.append((self.board.now, name, fields))
        if self.answers and name == "time_request":
            utc = self.utc + self.board.now // 1000
            last = counter(self.counters["head_end"])
            self.tell("time_reply", {"nonce": fields["nonce"], "utc": utc, "counter": last})
        elif self.answers and name == "ad1":
            self.tell("ad1_ack", {"id": fields["id"], "revision": fields["revision"]})
        elif self.answers and name == "hold_notice":
            self.tell("hold_ack", {"id": fields["id"], "window_s": fields["window_s"], "accepted": 1})
        elif self.answers and name == "restored":
            self.tell("restored_ack", {"id": fields["id"]})

    def frame(self, name, fields, key=None):
        """The octets of one frame to the hub, flags and all."""
        link = s.LINK_HAN if name.startswith(("activation", "counter_sync", "gbcs_from")) else s.LINK_WAN
        link = s.LINK_BENCH if name in ("identify", "state_request", "journal_request", "restart", "rig_set") else link
        peer = self.peers.get(link) or Endpoint(False, self.strapped)
        if key is not None:
            peer = Endpoint(False, self.strapped)
            peer.keys[link] = Key(key)
        content = peer.seal(name, fields)
        out = bytearray(framing.STUFFED_MAX)
        return bytes(out[: framing.stuff(content, len(content), out)])

    def put(self, octets, link):
        for port in self.board.links:
            if port.links >> link & 1:
                port.rx += octets

    def tell(self, name, fields, key=None):
        octets = self.frame(name, fields, key)
        link = s.LINK_HAN if name.startswith(("activation", "counter_sync", "gbcs_from")) else s.LINK_WAN
        self.put(octets, link)
        return octets

    def meter(self, name, number=None, key=None, **values):
        if number is None:
            self.counters["esme"] += 1
            number = self.counters["esme"]
        octets = self.tell(name, {"esme": ESME, "hub": HUB, "counter": counter(number), **values}, key)
        self.run(10)
        return octets

    def declare(self, number=None, key=None, window_s=300, valid_s=1_800):
        values = {"image_hash": IMAGE, "expected_outage_s": window_s, "valid_s": valid_s}
        return self.meter("activation_pending", number, key, **values)

    def command(self, name, number=None, key=None, **values):
        if number is None:
            self.counters["head_end"] += 1
            number = self.counters["head_end"]
        octets = self.tell(name, {"counter": counter(number), **values}, key)
        self.run(10)
        return octets

    # ---- what was heard

    def names(self):
        return [name for _, name, _ in self.heard]

    def last(self, name):
        return [fields for _, heard, fields in self.heard if heard == name][-1]

    def ad1s(self):
        told = {}
        for _, name, fields in self.heard:
            if name == "ad1":
                told.setdefault((fields["id"], fields["revision"]), (fields["level"], fields["cause"]))
        return list(told.values())
