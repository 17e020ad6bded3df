"""The pins of the ESP32-C6, and what its ADC may read too high: the one truth, which board.toml repeats."""

HAN_TX = 18  # UART 1
HAN_RX = 19
AC_LO = 20
MT_PR = 21
STRAP = 22
MAINT = 23
SUPPLY = 2  # ADC 1, channel 2
HOLDUP = 3  # ADC 1, channel 3

BAUD = 115_200  # HAN and WAN

ADC_OFFSET_STEPS = 20  # millivolts
ADC_ERROR_PERMILLE = 50  # resistors 16, calibrated ADC 30, rounded up
