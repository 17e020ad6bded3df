"""Link ports: a UART, and the serial port that the REPL has when the hub does not run. Reading never allocates."""

import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import UART

WRITE_OCTETS = 64  # one write takes no more: where the driver waits for them, 6 ms at 115,200 baud


class UartPort:
    """A ports.LinkPort on a UART.

    most: octets that one write takes, fewer where the driver waits until they have left.
    """

    def __init__(self, uart: "UART", links, most=WRITE_OCTETS):
        self.links = links
        self._uart = uart
        self._most = most

    def any(self):
        """Whether something has arrived."""
        return self._uart.any() > 0

    def readinto(self, buf):
        n = self._uart.any()
        if n == 0:
            return 0  # a driver may wait for the first octet
        return self._uart.readinto(buf, min(n, len(buf))) or 0

    def write(self, buf, start, end):
        return self._uart.write(memoryview(buf)[start : min(end, start + self._most)]) or 0


class ReplPort:
    """A ports.LinkPort on sys.stdin and sys.stdout: USB, on every board here.

    Octet by octet, each after a poll: the driver waits for as many as it is asked for, and a write that finds its
    buffer full waits half a second for a host that does not read. blind: the port's poll says "writable" whatever the
    buffer holds (ports/esp32/mphalport.c): then a piece goes at once, and waits that half second once, not for each
    octet until the watchdog bites.
    """

    def __init__(self, links, blind=sys.platform == "esp32"):
        self.links = links
        self._blind = blind
        self._stdin = sys.stdin.buffer
        self._stdout = sys.stdout.buffer
        self._one = bytearray(1)
        self._in = select.poll()
        self._in.register(sys.stdin, select.POLLIN)
        self._out = select.poll()
        self._out.register(sys.stdout, select.POLLOUT)

    def any(self):
        """Whether something has arrived."""
        for _stream, _event in self._in.ipoll(0):
            return True
        return False

    def readinto(self, buf):
        one = self._one
        n = 0
        while n < len(buf) and self.any():
            if not self._stdin.readinto(one):
                break  # the host is gone
            buf[n] = one[0]
            n += 1
        return n

    def write(self, buf, start, end):
        if self._blind:
            return self._stdout.write(memoryview(buf)[start : min(end, start + WRITE_OCTETS)]) or 0
        one = self._one
        at = start
        while at < end and at < start + WRITE_OCTETS and self._writable():
            one[0] = buf[at]
            self._stdout.write(one)
            at += 1
        return at - start

    def _writable(self):
        for _stream, _event in self._out.ipoll(0):
            return True
        return False
