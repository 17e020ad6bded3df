"""Real time, or a multiple of it: PTYs and the rig are polled, and a stall keeps only what the FIFO holds."""

import select
import time

from timebase import EXIT_WATCHDOG, FIFO_OCTETS, WATCHDOG_MS, Uart, apply_cut, power_cut, report

from chf.core.ticks import MASK, diff


class RealUart(Uart):
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


class RealClock:
    """The host's clock, `speed` times as fast. Signals come whenever the rig sends a Step."""

    def __init__(self, rig, now_ms, ticks_start, speed):
        self._origin = (ticks_start - now_ms) & MASK
        self._speed = speed
        self._base_us = now_ms * 1000
        self._started = time.ticks_us()
        self._fed_us = self._base_us
        self.rig = rig
        self.uarts = []
        self.flash = None
        self._poll = rig.poll
        self._watched = False

    @property
    def now_us(self):
        return self._base_us + time.ticks_diff(time.ticks_us(), self._started) * self._speed

    def ticks_ms(self):
        return (self._origin + self.now_us // 1000) & MASK

    def feed(self):
        self._fed_us = self.now_us

    def stall(self, us):
        time.sleep_us(us // self._speed)
        for uart in self.uarts:
            uart.advance(0, True)

    def wait(self, until):
        if not self._watched:
            self._watched = True
            for uart in self.uarts:
                self._poll.register(uart.file, select.POLLIN)
        if self.now_us - self._fed_us > WATCHDOG_MS * 1000:
            self.stop(EXIT_WATCHDOG)
        left_ms = diff(until, self.ticks_ms())
        for _file, event in self._poll.ipoll(max(0, (left_ms + self._speed - 1) // self._speed)):
            if event & (select.POLLHUP | select.POLLERR) and not event & select.POLLIN:
                raise SystemExit(0)
        while self.rig.take():
            apply_cut(self)
            report(self, self.now_us // 1000)

    def stop(self, code):
        report(self, self.now_us // 1000)
        raise SystemExit(code)

    def power_cut(self):
        power_cut(self)
