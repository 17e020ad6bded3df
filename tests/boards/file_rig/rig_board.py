"""A fixture board whose pins are files: in CHF_PINS each write of a pin is a line `name value` of the file `written`.

Stands in for boards/rig_pico/rig_board.py alone; what lies above the pins is the fixture board's own.
"""

import os
import sys
from time import sleep_ms

from outputs import Outputs
from serial_ports import ReplPort

from chf.wire.schema import LINK_RIG

FOLDER = os.getenv("CHF_PINS")


class FilePin:
    """As much of a Pin, a PWM and an ADC as Outputs uses."""

    def __init__(self, name):
        self._name = name
        self.kept = None

    def value(self, level):
        with open(FOLDER + "/written", "a") as file:
            file.write(f"{self._name} {level}\n")

    def duty_u16(self, duty):
        self.kept = duty
        self.value(duty)

    def read_u16(self):
        """What was set; a file `sense` is a wire that is off: its text in place of it."""
        try:
            with open(FOLDER + "/sense") as file:
                return int(file.read())
        except OSError:
            return self.kept


class FileRig:
    name = "file pins"

    def __init__(self):
        level = FilePin("level")
        pins = [FilePin(name) for name in ("rail", "power", "ac_lo", "mt_pr")]
        self.outputs = Outputs(*pins, level, level)
        self.port = ReplPort(1 << LINK_RIG)

    def feed(self):
        pass

    def restart(self):
        sys.exit(1)

    def wait(self):
        if not self.port.any():
            sleep_ms(1)


def open_board():
    return FileRig()
