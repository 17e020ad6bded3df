"""The pins of the Raspberry Pi Pico, and what its ADC may read too high: the one truth, which board.toml repeats."""

HAN_TX = 0  # UART 0
HAN_RX = 1
WAN_TX = 4  # UART 1
WAN_RX = 5
AC_LO = 10
MT_PR = 11
STRAP = 14
MAINT = 15
SUPPLY = 26  # ADC 0
HOLDUP = 27  # ADC 1

BAUD = 115_200  # HAN and WAN

ADC_FULL_MV = 3_300  # the 3V3 rail
ADC_OFFSET_STEPS = 16
ADC_ERROR_PERMILLE = 50  # resistors 16, 3V3 regulator 20, the filter before the reference 9, rounded up
