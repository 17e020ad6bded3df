"""The ESP32-S3 as the firmware's board: three UARTs, of which the REPL has the first."""

import pins
from esp32_board import open_esp32, open_uart
from serial_ports import WRITE_OCTETS

from chf.wire.schema import LINK_HAN, LINK_WAN


def _han():
    return open_uart(1, pins.HAN_TX, pins.HAN_RX)


def _wan():
    return open_uart(2, pins.WAN_TX, pins.WAN_RX)


def open_board():
    return open_esp32("ESP32-S3", ((LINK_HAN, _han, WRITE_OCTETS), (LINK_WAN, _wan, WRITE_OCTETS)))
