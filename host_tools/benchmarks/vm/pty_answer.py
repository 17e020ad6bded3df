"""Answers on a PTY: the hub's own shell, or an echo floor that sends as many octets and does nothing else."""

import select
import time

from narrow_board import TICKS_MASK, NarrowBoard, settings

from chf.core.ticks import diff
from chf.shell import Shell
from chf.wire import schema as s


class PtyLine:
    """A link port on a PTY: the bench's alone, on which a hub speaks only when it is asked."""

    links = 1 << s.LINK_BENCH

    def __init__(self, path):
        self.file = open(path, "r+b", buffering=0)  # noqa: SIM115
        self.poll = select.poll()
        self.poll.register(self.file, select.POLLIN)

    def readinto(self, buf):
        return self.file.readinto(buf) or 0

    def write(self, buf, start, end):
        return self.file.write(memoryview(buf)[start:end]) or 0

    def wait(self, ms):
        """Until there is input; ends the program when the host has gone."""
        for _file, event in self.poll.ipoll(ms):
            if event & (select.POLLHUP | select.POLLERR) and not event & select.POLLIN:
                raise SystemExit(0)


class PtyBoard(NarrowBoard):
    """A NarrowBoard in real time whose one link is a PTY."""

    def ticks_ms(self):
        return time.ticks_ms() & TICKS_MASK

    def wait(self, until):
        self.links[0].wait(max(0, diff(until, self.ticks_ms())))


def echo(line, reply):
    buf = bytearray(256)
    while True:
        line.wait(-1)
        if line.readinto(buf):
            line.write(reply, 0, len(reply))


def main():
    wanted = settings()
    line = PtyLine(wanted["path"])
    if wanted["reply"]:
        echo(line, bytes.fromhex(wanted["reply"]))
    Shell(PtyBoard(wanted["identity"], [line])).run()


main()
