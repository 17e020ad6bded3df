"""A simulated peer between a hub's words and time: for the tests of the head-end and of the meter."""

from __future__ import annotations

from chf.wire import schema as s
from host_tools import frames

KEY = bytes(range(32))
OTHER = bytes(32)
EUI = bytes(range(8))
HUB = bytes(range(8, 16))
ONE, TWO = b"one".ljust(12), b"two".ljust(12)
NOTICE = {"window_s": 400, "left_s": 200, "source": 1, "flag_counter": bytes(8), "loss_utc": 0, "holdup_mv": 5_000}
AD1 = {
    "level": s.LEVEL_PLAIN, "cause": s.CAUSE_SUPPLY_LOSS, "source": 0, "row": 3, "policy": 1, "elapsed_s": 180,
    "loss_utc": 0, "window_s": 0, "flag_counter": bytes(8), "loss_bits": 0, "loss_holdup_mv": 0, "bits": 0,
    "holdup_mv": 0, "merged": 0,
}  # fmt: skip
RESTORED = {"revision": 1, "level": 4, "duration_s": 200, "end_utc": 0, "bits": 1, "holdup_mv": 5_000}
VALUES = {"hold_notice": NOTICE, "ad1": {**AD1, "revision": 1}, "restored": RESTORED}


def content(name, fields, key=KEY):
    return frames.build(name, fields, key=key, marked=True)


class Heard:
    """A peer between a hub's words and time. `sent`: (ms, frame) of all that the peer has said."""

    def __init__(self, peer):
        self.peer = peer
        self.now = 0
        self.sent = []
        self.contents = []
        peer.transmit = self._take

    def _take(self, octets):
        self.sent.append((self.now, frames.parse(octets)))
        self.contents.append(octets)

    def says(self, name, key=KEY, **fields):
        """The hub says that."""
        self.peer.on_frame(content(name, {**VALUES.get(name, {}), **fields}, key), self.now)

    def passes(self, ms):
        end = self.now + ms
        while (due := self.peer.next_ms()) is not None and due <= end:
            self.now = max(self.now, due)
            self.peer.run(self.now)
        self.now = end
        self.peer.run(self.now)

    def names(self):
        return [frame.name for _, frame in self.sent]
