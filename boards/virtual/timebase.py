"""What both kinds of simulated time share: the transmitter, the report to the rig, and the ends of a run."""

import time

from chf.wire import schema as s

FIFO_OCTETS = 32  # RP2040 datasheet, 4.2: the PL011's receive FIFO
WATCHDOG_MS = 8_000  # RP2040: 8,388 at most
EXIT_WATCHDOG = 71
EXIT_RESTART = 72

# Of the links' UARTs in order; with one cable for all, that one counts as the first.
COUNTS = ("han", "wan", "bench")


class Uart:
    """The transmitter, and what the rig counts. `links`: as in ports.LinkPort."""

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


def report(clock, deadline_ms):
    values = {
        "now_ms": clock.now_us // 1000,
        "deadline_ms": deadline_ms,
        "flash_octets": clock.flash.programmed,
        "erases": clock.flash.erase_total,
        "overruns": sum([uart.overruns for uart in clock.uarts]),
    }
    for i in range(len(COUNTS)):
        values[COUNTS[i]] = clock.uarts[i].sent if i < len(clock.uarts) else 0
    clock.rig.report(values)


def power_cut(clock):
    """Nothing runs after this: not a handler, not a file's closing. The rig reads the report and ends the process."""
    report(clock, s.UNKNOWN_S)
    while True:
        time.sleep_ms(1000)


def apply_cut(clock):
    """Arm what the Step asks for; a Step that asks for nothing leaves an armed cut as it is."""
    step = clock.rig.signals
    if step["cut"] == s.CUT_FLASH_OCTET:
        clock.flash.cut_after = step["cut_after"]
    elif step["cut"] == s.CUT_WAN_OCTET:
        for uart in clock.uarts:
            if uart.links >> s.LINK_WAN & 1:
                uart.cut_after = step["cut_after"]
