"""The Raspberry Pi Pico as a fixture board: the only part that touches the chip."""

from machine import ADC, PWM, WDT, Pin, reset
from time import sleep_ms

import maintenance
import pins
from outputs import Outputs
from serial_ports import ReplPort

from chf.wire.schema import LINK_RIG

WATCHDOG_MS = 8_000
POLL_MS = 1


class RigBoard:
    """What fixture.Fixture runs on. The watchdog's bite leaves the hub without supply and power, as a start does."""

    name = "Raspberry Pi Pico"

    def __init__(self):
        level = PWM(Pin(pins.LEVEL))
        level.freq(pins.PWM_HZ)
        self.outputs = Outputs(
            Pin(pins.RAIL, Pin.OUT, value=0),
            Pin(pins.POWER, Pin.OUT, value=0),
            Pin(pins.AC_LO, Pin.OPEN_DRAIN, value=1),
            Pin(pins.MT_PR, Pin.OPEN_DRAIN, value=1),
            level,
            ADC(Pin(pins.LEVEL_SENSE)),
        )
        self.port = ReplPort(1 << LINK_RIG)
        self.restart = reset
        self.feed = WDT(timeout=WATCHDOG_MS).feed

    def wait(self):
        if not self.port.any():
            sleep_ms(POLL_MS)


def open_board():
    """The board; None where this boot is to end in maintenance mode."""
    if maintenance.wanted("", not Pin(pins.MAINT, Pin.IN, Pin.PULL_UP).value()):
        return None
    return RigBoard()
