"""The ESP32-C6 as the firmware's board: two UARTs, of which the REPL has the first, so that WAN goes over USB."""

import pins
from esp32_board import open_esp32, open_uart
from serial_ports import WRITE_OCTETS

from chf.wire.schema import LINK_HAN


def _han():
    return open_uart(1, pins.HAN_TX, pins.HAN_RX)


def open_board():
    return open_esp32("ESP32-C6", ((LINK_HAN, _han, WRITE_OCTETS),))
