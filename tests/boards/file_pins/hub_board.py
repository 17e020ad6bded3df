"""A board whose pins are files: what boards/common makes of pins, with the REPL's port on stdin and stdout.

In the folder CHF_PINS: `supply` and `holdup` (an ADC's steps), `ac_lo`, `mt_pr`, `strap` and `hold` (levels), which the
test writes. CHF_ROOT: where the hub keeps its files.
"""

import os
import sys

import maintenance
from analog import dividers
from mcu_board import open_mcu

FULL_MV, OFFSET_STEPS, ERROR_PERMILLE = 3_300, 16, 50  # the Pico's
RISING = 7

maintenance.WINDOW_MS = 20
pins = {}


class FilePin:
    """A level or a reading. `kept`: what it says from then on, where the file must not be opened."""

    def __init__(self, name):
        self._path = os.getenv("CHF_PINS") + "/" + name
        self.kept = None
        pins[name] = self

    def value(self):
        if self.kept is None:
            with open(self._path) as file:
                return int(file.read())
        return self.kept

    def irq(self, handler, trigger):
        pass


def reset():
    sys.exit(0)


def open_board():
    supply, holdup = dividers(FilePin("supply").value, FilePin("holdup").value, FULL_MV, OFFSET_STEPS, ERROR_PERMILLE)
    inputs = [FilePin(name) for name in ("ac_lo", "mt_pr", "strap", "hold")]
    root = os.getenv("CHF_ROOT")
    return open_mcu(
        "file pins", root, lambda: None, False, inputs, supply, holdup, RISING, (), lambda: lambda: None, reset
    )
