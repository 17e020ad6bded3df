"""One simulated UART behind a PTY: octets arrive at the line rate, and overrun a small FIFO while the CPU is stalled."""

FIFO_OCTETS = 32  # RP2040 datasheet, 4.2: the PL011's receive FIFO
RING_OCTETS = 2048  # the driver's receive buffer (machine.UART rxbuf)
BITS_PER_OCTET = 10  # 8N1


class _Uart:
    """What both kinds share: the transmitter, and what the rig counts. `links`: as in ports.LinkPort."""

    def __init__(self, file, links, fault):
        self.links = links
        self.file = file
        self.sent = 0  # octets written by the hub since power-on
        self.received = 0  # octets taken from the PTY since power-on
        self.overruns = 0
        self.cut_after = None  # power fails when so many more octets have left
        self._fault = fault

    def write(self, buf, start, end):
        cut = self.cut_after is not None and end - start > self.cut_after
        if cut:
            end = start + self.cut_after
        n = self.file.write(memoryview(buf)[start:end]) or 0
        self.sent += n
        if self.cut_after is not None:
            self.cut_after -= n
        if cut and self.cut_after == 0:
            self._fault.power_cut()
        return n


class SteppedUart(_Uart):
    """Octets are handed over by accept() and become readable as simulated time passes."""

    def __init__(self, file, links, fault, baud):
        super().__init__(file, links, fault)
        self._us_per_octet = BITS_PER_OCTET * 1_000_000 // baud
        self._coming = bytearray()
        self._start_us = 0  # when the first octet of _coming begins on the line
        self._ring = bytearray()
        self._buf = bytearray(512)

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



class RealUart(_Uart):
    """The same PTY in real time: what arrives is readable at once, and a stall keeps only what the FIFO holds."""

    def __init__(self, file, links, fault):
        super().__init__(file, links, fault)
        self._kept = bytearray(FIFO_OCTETS)
        self._held = 0
        self._lost = bytearray(256)

    def arrival_us(self):
        return None

    def advance(self, now_us, stalled):
        if not stalled:
            return
        if self._held == 0:
            self._held = self.file.readinto(self._kept) or 0
        while True:
            n = self.file.readinto(self._lost) or 0
            if n == 0:
                return
            self.overruns += n

    def readinto(self, buf):
        n = self._held
        if n:
            for i in range(n):
                buf[i] = self._kept[i]
            self._held = 0
        else:
            n = self.file.readinto(buf) or 0
        self.received += n
        return n

