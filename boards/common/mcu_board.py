"""What all microcontroller boards do alike above their pins: a ports.Board of the few things an adapter makes."""

import os
from time import sleep_ms, ticks_ms

import maintenance
from analog import Supply
from sense_lines import SenseLines
from serial_ports import ReplPort, UartPort
from storage import exists, open_store
from wiring import SUPPLY_GOOD_MV, SUPPLY_LOST_MV, SUPPLY_MAX_MV

from chf.core.ticks import diff
from chf.wire import schema as s

POLL_MS = 5  # between two looks at the lines; a UART's receive buffer holds what comes in 170
IDENTITY = "/identity.json"
UARTS = "/uarts"  # a file of any content: HAN and WAN are on the UARTs although the strap is fitted
_HAN_WAN = 1 << s.LINK_HAN | 1 << s.LINK_WAN


class McuBoard:
    """A ports.Board. The watchdog is armed by the first feed(): a slow boot must not become a row of resets."""

    def __init__(self, name, root, strapped, reset_cause, links, lines, holdup, watchdog, reset):
        self.name = name
        self.strapped = strapped
        self.reset_cause = reset_cause
        self.links = links
        self.store = open_store(root, "bench" if strapped else "live")
        self.sense = lines.take
        self.holdup_mv = holdup.millivolts
        self.ticks_ms = ticks_ms
        self.random = os.urandom
        self.restart = reset
        self._changed = lines.changed
        self._identity = root + IDENTITY
        self._arm = watchdog
        self._feed = None

    def identity(self):
        try:
            with open(self._identity) as file:
                return file.read()
        except OSError:
            return None

    def wait(self, until):
        while diff(until, ticks_ms()) > 0:  # type: ignore[arg-type]  # the stubs' name for an int
            for port in self.links:
                if port.any():
                    return
            if self._changed():
                return
            sleep_ms(POLL_MS)

    def feed(self):
        if self._feed is None:
            self._feed = self._arm()
        self._feed()


def open_links(uarts, one_cable):
    """The ports: each link has its UART, and the REPL's port carries BENCH and what is left; one_cable: all links.

    uarts: ((schema.LINK_*, function that opens its UART, octets that one write takes), ...).
    """
    ports: list = []
    left = _HAN_WAN
    if not one_cable:
        for link, open_uart, most in uarts:
            ports.append(UartPort(open_uart(), 1 << link, most))
            left &= ~(1 << link)
    ports.append(ReplPort(1 << s.LINK_BENCH | left))
    return ports


def open_mcu(name, root, mount, kept_power, inputs, supply, holdup, rising, uarts, watchdog, reset):
    """The board; None where this boot is to end in maintenance mode.

    root: folder of main.py, without a slash at its end. mount(): what the filesystem needs before a hub runs on it.
    kept_power: this boot is certain not to follow a loss of the
    hub's own power. inputs: pins with pull-ups: AC_LO, MT_PR, the bench strap, maintenance. supply, holdup:
    analog.Divider. rising: the trigger of an interrupt. uarts: as open_links takes them. watchdog(): arms it and
    returns what feeds it. reset(): does not return.
    """
    ac_lo, mt_pr, strap, hold = inputs
    if maintenance.wanted(root, not hold.value()):
        return None
    mount()
    strapped = not strap.value()
    lines = SenseLines(Supply(supply, SUPPLY_GOOD_MV, SUPPLY_LOST_MV, SUPPLY_MAX_MV), ac_lo, mt_pr)
    lines.watch(rising)
    links = open_links(uarts, strapped and not exists(root + UARTS))
    cause = s.RESET_OTHER if kept_power else s.RESET_POWER_ON
    return McuBoard(name, root, strapped, cause, links, lines, holdup, watchdog, reset)
