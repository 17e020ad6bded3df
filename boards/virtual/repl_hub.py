"""The hub on a virtual dev board (host_tools.virtual.repl_board): the REPL's port is its one cable, for all links.

machine and time are that board's own. It has no pins: supply is good until the soft rig says otherwise.
"""

import os
from machine import WDT, WDT_RESET, reset, reset_cause  # type: ignore[attr-defined]  # not the unix port's

import maintenance
from mcu_board import McuBoard, open_links

from chf.wire import schema as s

WATCHDOG_MS = 8_000
ROOT = ""


class NoLines:
    """Lines that nothing drives: supply good, a meter there, and AC_LO as its pull-up leaves it."""

    def take(self):
        return s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR

    def changed(self):
        return False


class FullHoldUp:
    """A hold-up capacitor that nothing drains."""

    def millivolts(self):
        return 5_000


def open_repl_hub():
    """The board; None where this boot is to end in maintenance mode."""
    if maintenance.wanted(ROOT, False):
        return None
    return McuBoard(
        "virtual dev board (simulated)",
        ROOT,
        os.getenv("CHF_STRAP") == "1",
        s.RESET_OTHER if reset_cause() == WDT_RESET else s.RESET_POWER_ON,
        open_links((), True),
        NoLines(),
        FullHoldUp(),
        lambda: WDT(timeout=WATCHDOG_MS).feed,
        reset,
    )
