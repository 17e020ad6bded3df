"""The Seeed XIAO nRF52840 as the firmware's board: one UART, no watchdog of its own, files under /flash."""

from machine import ADC, LOCKUP_RESET, SOFT_RESET, UART, WDT_RESET, Pin, Timer, reset, reset_cause

import nrf
import pins
import timer_watchdog
from analog import dividers
from channel_input import ChannelInput
from mcu_board import open_mcu
from storage import remount

from chf.wire.schema import LINK_HAN

ROOT = "/flash"
PROG_OCTETS = 128
TIMER = 1  # 0 is the SoftDevice's
TICK_US = 1_000_000
WRITE_OCTETS = 16  # its driver waits until they have left, 17 ms, and meanwhile the buffer of 63 fills


def _han():
    return UART(0, pins.BAUD)  # its pins and its buffer are fixed


def _start_timer(tick):
    timer = Timer(TIMER, period=TICK_US, mode=Timer.PERIODIC, callback=tick)
    timer.start()


def open_board():
    supply, holdup = dividers(
        ChannelInput(ADC, pins.SUPPLY_CHANNEL).read,
        ChannelInput(ADC, pins.HOLDUP_CHANNEL).read,
        pins.ADC_FULL_MV,
        pins.ADC_OFFSET_STEPS,
        pins.ADC_ERROR_PERMILLE,
    )
    return open_mcu(
        "XIAO nRF52840",
        ROOT,
        lambda: remount(nrf.Flash(), ROOT, PROG_OCTETS),
        reset_cause() in (SOFT_RESET, WDT_RESET, LOCKUP_RESET),  # machine.reset() is a soft one
        [Pin(pin, Pin.IN, Pin.PULL_UP) for pin in (pins.AC_LO, pins.MT_PR, pins.STRAP, pins.MAINT)],
        supply,
        holdup,
        Pin.IRQ_RISING,
        ((LINK_HAN, _han, WRITE_OCTETS),),
        lambda: timer_watchdog.start(_start_timer, reset),
        reset,
    )
