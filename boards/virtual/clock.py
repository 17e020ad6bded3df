"""The two clocks of the virtual board: stepped by the rig, or real (scaled). Both carry the sense lines and the stalls."""

import select
import time

from chf.core.ticks import MASK, diff
from chf.wire import schema as s

WATCHDOG_MS = 8_000  # RP2040: 8,388 at most
EXIT_POWER_CUT = 70
EXIT_WATCHDOG = 71
EXIT_RESTART = 72

# Of the links' UARTs in order; with one cable for all, that one counts as the first.
_COUNTS = ("han", "wan", "bench")


def _report(clock, deadline_ms):
    values = {
        "now_ms": clock.now_us // 1000,
        "deadline_ms": deadline_ms,
        "flash_octets": clock.flash.programmed,
        "erases": clock.flash.erase_total,
        "overruns": sum([uart.overruns for uart in clock.uarts]),
    }
    for i in range(len(_COUNTS)):
        values[_COUNTS[i]] = clock.uarts[i].sent if i < len(clock.uarts) else 0
    clock.rig.report(values)


def _apply_cut(clock):
    """Arm what the Step asks for; a Step that asks for nothing leaves an armed cut as it is."""
    step = clock.rig.signals
    if step["cut"] == s.CUT_FLASH_OCTET:
        clock.flash.cut_after = step["cut_after"]
    elif step["cut"] == s.CUT_WAN_OCTET:
        for uart in clock.uarts:
            if uart.links >> s.LINK_WAN & 1:
                uart.cut_after = step["cut_after"]


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
        target_us = (self.now_us // 1000 + diff(until, self.ticks_ms())) * 1000
        while True:
            if self._sent() != self._reported and self._step(target_us):
                return
            limit_us = min(target_us, self._until_us)
            for uart in self.uarts:
                at = uart.arrival_us()
                if at is not None and at <= limit_us:
                    self._advance(max(at, self.now_us), False)
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
        _report(self, max(target_us, self.now_us) // 1000)

    def _step(self, target_us):
        """Report, and take the next step. Whether anything that the shell looks at has changed."""
        was = self.rig.signals
        self._report(target_us)
        self.rig.wait_step()
        step = self.rig.signals
        self._until_us = step["until_ms"] * 1000
        _apply_cut(self)
        came = False
        for i in range(len(self.uarts)):
            count = step[_COUNTS[i]]
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
        self.stop(EXIT_POWER_CUT)


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
            _apply_cut(self)
            _report(self, self.now_us // 1000)

    def stop(self, code):
        _report(self, self.now_us // 1000)
        raise SystemExit(code)

    def power_cut(self):
        self.stop(EXIT_POWER_CUT)
