"""What the boards with a chip of the ESP32 family share."""

from machine import ADC, HARD_RESET, SOFT_RESET, UART, WDT, WDT_RESET, Pin, reset, reset_cause

import pins
from analog import dividers
from esp32 import Partition
from mcu_board import open_mcu
from storage import remount
from wiring import RX_OCTETS, TX_OCTETS

WATCHDOG_MS = 8_000  # as long as on the other boards
PROG_OCTETS = 128
ADC_FULL_MV = 4_096  # the inputs count millivolts


def open_uart(number, tx, rx):
    return UART(number, pins.BAUD, tx=Pin(tx), rx=Pin(rx), rxbuf=RX_OCTETS, txbuf=TX_OCTETS)


class CalibratedInput:
    """An ADC that gives microvolts, by the chip's own calibration, here as millivolts for analog.Divider."""

    def __init__(self, adc: "ADC"):
        self._adc = adc

    def read(self):
        """0 to about 3,100."""
        return self._adc.read_uv() // 1000


def _input(pin):
    return CalibratedInput(ADC(Pin(pin), atten=ADC.ATTN_11DB)).read


def _mount():
    for bdev in Partition.find(Partition.TYPE_DATA, label="vfs"):
        remount(bdev, "/", PROG_OCTETS)


def open_esp32(name, uarts):
    """uarts: as mcu_board.open_links takes them."""
    supply, holdup = dividers(
        _input(pins.SUPPLY), _input(pins.HOLDUP), ADC_FULL_MV, pins.ADC_OFFSET_STEPS, pins.ADC_ERROR_PERMILLE
    )
    return open_mcu(
        name,
        "",
        _mount,
        reset_cause() in (HARD_RESET, SOFT_RESET, WDT_RESET),  # a brown-out reads as a power-on
        [Pin(pin, Pin.IN, Pin.PULL_UP) for pin in (pins.AC_LO, pins.MT_PR, pins.STRAP, pins.MAINT)],
        supply,
        holdup,
        Pin.IRQ_RISING,
        uarts,
        lambda: WDT(timeout=WATCHDOG_MS).feed,
        reset,
    )
