"""Stepped time: the rig says how far it goes, octets arrive at the line rate, and a stall overruns a small FIFO."""

import select

from timebase import COUNTS, EXIT_WATCHDOG, FIFO_OCTETS, WATCHDOG_MS, Uart, apply_cut, power_cut, report

from chf.core.ticks import MASK, diff

RING_OCTETS = 2048  # the driver's receive buffer (machine.UART rxbuf)
BITS_PER_OCTET = 10  # 8N1


class SteppedUart(Uart):
    """Octets are handed over by accept() and become readable as simulated time passes."""

    def __init__(self, file, links, fault, baud):
        super().__init__(file, links, fault)
        self._us_per_octet = BITS_PER_OCTET * 1_000_000 // baud
        self._coming = bytearray()
        self._start_us = 0  # when the first octet of _coming begins on the line
        self._ring = bytearray()
        self._buf = bytearray(64)

    def accept(self, total, now_us, wait_readable):
        """Take octets from the PTY until `total` have come since power-on; they begin to arrive now."""
        while self.received < total:
            n = self.file.readinto(memoryview(self._buf)[: min(len(self._buf), total - self.received)])
            if n:
                if not self._coming:
                    self._start_us = now_us
                self._coming.extend(memoryview(self._buf)[:n])
                self.received += n
            else:
                wait_readable(self.file)

    def arrival_us(self):
        """When the last octet on its way will have arrived; None when there is none."""
        if not self._coming:
            return None
        return self._start_us + len(self._coming) * self._us_per_octet

    def waiting(self):
        """Whether octets have arrived that nobody has read."""
        return len(self._ring) > 0

    def advance(self, now_us, stalled):
        """Time has come to now_us. stalled: no interrupt ran, so that only the FIFO could take what arrived."""
        if not self._coming:
            return
        n = min(len(self._coming), max(0, (now_us - self._start_us) // self._us_per_octet))
        if n == 0:
            return
        room = RING_OCTETS - len(self._ring)
        if stalled:
            room = min(room, FIFO_OCTETS)
        self._ring.extend(memoryview(self._coming)[: min(n, room)])
        self.overruns += max(0, n - room)
        self._coming = self._coming[n:]
        self._start_us += n * self._us_per_octet

    def readinto(self, buf):
        ring = self._ring
        if not ring:
            return 0
        n = min(len(buf), len(ring))
        for i in range(n):
            buf[i] = ring[i]
        self._ring = ring[n:]
        return n


class SteppedClock:
    """Time moves only inside wait() and while the flash stalls; the rig says how far. Deterministic."""

    def __init__(self, rig, now_ms, ticks_start):
        self.now_us = now_ms * 1000
        self._origin = (ticks_start - now_ms) & MASK
        self._until_us = self.now_us
        self._fed_us = self.now_us
        self._reported = -1
        self.rig = rig
        self.uarts = []
        self.flash = None
        self._poll = select.poll()

    def ticks_ms(self):
        return (self._origin + self.now_us // 1000) & MASK

    def feed(self):
        self._fed_us = self.now_us

    def stall(self, us):
        """The CPU does nothing else for so long: a flash operation."""
        self._advance(self.now_us + us, True)

    def _advance(self, us, stalled):
        if us - self._fed_us > WATCHDOG_MS * 1000:
            self.now_us = self._fed_us + WATCHDOG_MS * 1000
            self.stop(EXIT_WATCHDOG)
        self.now_us = us
        for uart in self.uarts:
            uart.advance(us, stalled)

    def wait(self, until):
        for uart in self.uarts:
            if uart.waiting():
                return  # the shell takes what has arrived piece by piece
        target_us = (self.now_us // 1000 + diff(until, self.ticks_ms())) * 1000
        while True:
            if self._sent() != self._reported and self._step(target_us):
                return
            limit_us = min(target_us, self._until_us)
            first = None
            for uart in self.uarts:
                at = uart.arrival_us()
                if at is not None and (first is None or at < first):
                    first = at
            if first is not None and first <= limit_us:
                self._advance(max(first, self.now_us), False)
                return
            if limit_us > self.now_us:
                self._advance(limit_us, False)
            if self.now_us >= target_us or self._step(target_us):
                return

    def _sent(self):
        total = 0
        for uart in self.uarts:
            total += uart.sent
        return total

    def _report(self, target_us):
        self._reported = self._sent()
        report(self, max(target_us, self.now_us) // 1000)

    def _step(self, target_us):
        """Report, and take the next step. Whether anything that the shell looks at has changed."""
        was = self.rig.signals
        self._report(target_us)
        self.rig.wait_step()
        step = self.rig.signals
        self._until_us = step["until_ms"] * 1000
        apply_cut(self)
        came = False
        for i in range(len(self.uarts)):
            count = step[COUNTS[i]]
            if self.uarts[i].received < count:
                self.uarts[i].accept(count, self.now_us, self._wait_readable)
                came = True
        return came or step["bits"] != was["bits"] or step["holdup_mv"] != was["holdup_mv"]

    def _wait_readable(self, file):
        self._poll.register(file, select.POLLIN)
        self._poll.poll(1000)
        self._poll.unregister(file)

    def stop(self, code):
        """End this run of the hub: the rig sees the exit code, and the report says when."""
        self._report(self.now_us)
        raise SystemExit(code)

    def power_cut(self):
        power_cut(self)
