"""Frames on their way out of one port: stuffed a little at a time, so that a long one needs no second buffer."""

from chf.wire import framing
from chf.wire.codec import type_of

FRAMES_MAX = 16  # waiting for their port; beyond it the oldest relay goes, then the oldest: what matters is repeated
_CHUNK = 128  # octets stuffed at once; leaves room for the last octet's escape, the FCS and the flags
_ROOM = _CHUNK - 8


class Outbox:
    """add() contents; flush() until it says that nothing is left. `port`: a ports.LinkPort."""

    def __init__(self, port):
        self._port = port
        self._contents = []
        self._chunk = bytearray(_CHUNK)
        self._start = self._end = 0  # what is left of the chunk
        self._at = 0  # octets of the first content that are in this or an earlier chunk
        self._fcs = framing.FCS_INIT

    @property
    def pending(self):
        """Whether anything is still to be sent."""
        return self._start < self._end or bool(self._contents)

    def add(self, content):
        """Queue one frame's content, header to MAC. The one being sent is never cut short."""
        contents = self._contents
        contents.append(content)
        if len(contents) <= FRAMES_MAX:
            return
        # A relay before what the hub says itself: a flood of them must not drown an alert.
        relays = type_of("gbcs_to_esme"), type_of("gbcs_up")
        for at in range(1, len(contents)):
            if contents[at][2] in relays:
                contents.pop(at)
                return
        contents.pop(1)

    def flush(self):
        """Give the port all that it takes now."""
        while self.pending:
            if self._start == self._end:
                self._fill()
            self._start += self._port.write(self._chunk, self._start, self._end)
            if self._start < self._end:
                return

    def _fill(self):
        content = self._contents[0]
        chunk = self._chunk
        at = self._at
        k = 0
        if at == 0:
            self._fcs = framing.FCS_INIT
            chunk[0] = framing.FLAG
            k = 1
        start = at
        end = len(content)
        special = framing.SPECIAL
        while at < end and k < _ROOM:
            c = content[at]
            at += 1
            if special[c]:  # framing.put(), written out: a call for each octet would double the cost
                chunk[k] = framing.ESCAPE
                k += 1
                c ^= framing.ESCAPE_XOR
            chunk[k] = c
            k += 1
        self._fcs = framing.fcs16(content, start, at, self._fcs)
        if at == end:
            fcs = self._fcs ^ 0xFFFF
            k = framing.put(chunk, k, fcs & 0xFF)  # least significant octet first
            k = framing.put(chunk, k, fcs >> 8)
            chunk[k] = framing.FLAG
            k += 1
            self._contents.pop(0)
            at = 0
        self._at = at
        self._start = 0
        self._end = k
