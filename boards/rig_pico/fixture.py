"""The fixture board's program: fixture_set in, outputs set, fixture out."""

import sys

import chf
from chf.wire import framing
from chf.wire import schema as s
from chf.wire.endpoint import Endpoint
from chf.wire.outbox import Outbox

ABLE = s.FIXTURE_SUPPLY | s.FIXTURE_LINES | s.FIXTURE_HOLDUP | s.FIXTURE_POWER
FRAME_MAX = 64  # octets: fixture_set is shorter
READS_MAX = 4  # buffers in one pass: a flood must not starve the watchdog


class Fixture:
    """board: name; port (ports.LinkPort of LINK_RIG); outputs; feed(); wait() until there may be something to do."""

    def __init__(self, board):
        self._board = board
        self._outputs = board.outputs
        self._number = 0
        self._endpoint = Endpoint(True, False)
        self._framer = framing.Framer(FRAME_MAX, self._endpoint.drops)
        self._outbox = Outbox(board.port)
        self._rx = bytearray(FRAME_MAX)

    def step(self):
        """One pass: whatever has come is answered, whatever is no fixture_set is dropped."""
        self._board.feed()
        if self._outbox.pending:
            self._outbox.flush()
        for _ in range(READS_MAX):
            n = self._board.port.readinto(self._rx)
            at = 0
            while at < n:
                at = self._framer.push(self._rx, at, n)
                if self._framer.ready:
                    opened = self._endpoint.open(self._framer.buf, self._framer.ready, self._board.port.links)
                    if opened is not None and opened[0] == "fixture_set":
                        self._obey(opened[1])
            if n < len(self._rx):
                return

    def _obey(self, asked):
        outputs = self._outputs
        if asked["number"]:
            outputs.set(asked["bits"], bool(asked["power"]), asked["holdup_mv"])
            self._number = asked["number"]
        version = ".".join([str(n) for n in sys.implementation.version[:3]])
        text = "chf fixture %s; %s; MicroPython %s" % (chf.__version__, self._board.name, version)
        told = {
            "number": self._number,
            "able": ABLE,
            "bits": outputs.bits,
            "power": int(outputs.power),
            "holdup_mv": outputs.holdup_mv,
            "measured_mv": outputs.measured_mv(),
            "text": text.encode(),
        }
        self._outbox.add(self._endpoint.seal("fixture", told))
        self._outbox.flush()
