"""The Raspberry Pi Pico 2 (RP2350) as the firmware's board."""

from rp2_board import open_rp2


def open_board():
    return open_rp2("Raspberry Pi Pico 2")
