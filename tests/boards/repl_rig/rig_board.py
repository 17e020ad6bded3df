"""A fixture board on the virtual dev board: its port, watchdog and maintenance mode are that board's, its pins numbers.

Stands in for boards/rig_pico/rig_board.py alone; what lies above the pins is the fixture board's own.
"""

from machine import WDT, reset
from time import sleep_ms

import maintenance
from outputs import Outputs
from serial_ports import ReplPort

from chf.wire.schema import LINK_RIG

WATCHDOG_MS = 8_000


class Number:
    """As much of a Pin, a PWM and an ADC as Outputs uses."""

    def __init__(self):
        self._level = 0

    def value(self, level):
        self._level = level

    def duty_u16(self, duty):
        self._level = duty

    def read_u16(self):
        return self._level


class ReplRig:
    name = "pins of numbers"

    def __init__(self):
        level = Number()
        self.outputs = Outputs(Number(), Number(), Number(), Number(), level, level)
        self.port = ReplPort(1 << LINK_RIG)
        self.restart = reset
        self.feed = WDT(timeout=WATCHDOG_MS).feed

    def wait(self):
        if not self.port.any():
            sleep_ms(1)


def open_board():
    return None if maintenance.wanted("", False) else ReplRig()
