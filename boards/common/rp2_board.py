"""What the boards with a chip of the RP2 family share: the same pins do the same on RP2040 and RP2350."""

from machine import ADC, UART, WDT, WDT_RESET, Pin, reset, reset_cause

import pins
from analog import dividers
from mcu_board import open_mcu
from raw_input import RawInput
from serial_ports import WRITE_OCTETS
from wiring import RX_OCTETS, TX_OCTETS

from chf.wire.schema import LINK_HAN, LINK_WAN

WATCHDOG_MS = 8_000  # the RP2040 takes 8,388 at most


def _han():
    return UART(0, pins.BAUD, tx=Pin(pins.HAN_TX), rx=Pin(pins.HAN_RX), rxbuf=RX_OCTETS, txbuf=TX_OCTETS)


def _wan():
    return UART(1, pins.BAUD, tx=Pin(pins.WAN_TX), rx=Pin(pins.WAN_RX), rxbuf=RX_OCTETS, txbuf=TX_OCTETS)


def open_rp2(name):
    supply, holdup = dividers(
        RawInput(ADC(Pin(pins.SUPPLY))).read,
        RawInput(ADC(Pin(pins.HOLDUP))).read,
        pins.ADC_FULL_MV,
        pins.ADC_OFFSET_STEPS,
        pins.ADC_ERROR_PERMILLE,
    )
    return open_mcu(
        name,
        "",
        lambda: None,  # MicroPython mounts it with pages of 256
        reset_cause() == WDT_RESET,  # machine.reset() is one too; the RUN pin reads as a power-on
        [Pin(pin, Pin.IN, Pin.PULL_UP) for pin in (pins.AC_LO, pins.MT_PR, pins.STRAP, pins.MAINT)],
        supply,
        holdup,
        Pin.IRQ_RISING,
        ((LINK_HAN, _han, WRITE_OCTETS), (LINK_WAN, _wan, WRITE_OCTETS)),
        lambda: WDT(timeout=WATCHDOG_MS).feed,
        reset,
    )
