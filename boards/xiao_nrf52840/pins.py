"""The pins of the XIAO nRF52840, and what its ADC may read too high: the one truth, which board.toml repeats.

Pins are port * 32 + pin: P1.11 is 43. The UART's are fixed in MicroPython's build for this board.
"""

HAN_TX = 43  # D6
HAN_RX = 44  # D7
AC_LO = 28  # D2
MT_PR = 29  # D3
STRAP = 4  # D4
MAINT = 5  # D5
SUPPLY = 2  # D0
HOLDUP = 3  # D1

SUPPLY_CHANNEL = 0  # AIN 0 is P0.02
HOLDUP_CHANNEL = 1

BAUD = 9_600  # HAN: the 63 octets that the buffer holds last 65 ms, as long as the hub may be busy with one frame

ADC_FULL_MV = 3_300  # the 3V3 rail
ADC_OFFSET_STEPS = 32  # two steps of 8 bits
ADC_ERROR_PERMILLE = 70  # resistors 16, 3V3 regulator 20, gain 30, rounded up
