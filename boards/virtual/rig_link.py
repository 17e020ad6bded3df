"""The virtual board's end of the rig: Step in, Stepped out, over two pipes that the rig holds."""

import select

from chf.wire import framing
from chf.wire import schema as s
from chf.wire.endpoint import Endpoint

_MASK = 1 << s.LINK_RIG


class RigLink:
    """`signals` holds the fields of the last Step."""

    def __init__(self, fd_in, fd_out, signals):
        self._in = open(fd_in, "rb", buffering=0)
        self._out = open(fd_out, "wb", buffering=0)
        self._endpoint = Endpoint(True, False)
        self._framer = framing.Framer(128)
        self._buf = bytearray(128)
        self._stuffed = bytearray(256)
        self._at = self._n = 0
        self.poll = select.poll()
        self.poll.register(self._in, select.POLLIN)
        self.signals = signals

    def report(self, values):
        content = self._endpoint.seal("stepped", values)
        n = framing.stuff(content, len(content), self._stuffed)
        self._out.write(memoryview(self._stuffed)[:n])

    def take(self):
        """Whether a whole Step was there; its fields are then in `signals`. Never waits."""
        while True:
            if self._at == self._n:
                self._at = 0
                self._n = self._in.readinto(self._buf) or 0
                if self._n == 0:
                    return False
            self._at = self._framer.push(self._buf, self._at, self._n)
            if self._framer.ready:
                opened = self._endpoint.open(self._framer.buf, self._framer.ready, _MASK)
                if opened is not None:
                    self.signals = opened[1]
                    return True

    def wait_step(self):
        """Wait for the next Step. The rig is gone when its pipe closes: then so is the hub."""
        while not self.take():
            for _file, event in self.poll.ipoll(-1):
                if event & (select.POLLHUP | select.POLLERR) and not event & select.POLLIN:
                    raise SystemExit(0)
