"""The pins of the ESP32-S3, and what its ADC may read too high: the one truth, which board.toml repeats."""

HAN_TX = 17  # UART 1
HAN_RX = 18
WAN_TX = 15  # UART 2
WAN_RX = 16
AC_LO = 6
MT_PR = 7
STRAP = 8
MAINT = 9
SUPPLY = 4  # ADC 1, channel 3
HOLDUP = 5  # ADC 1, channel 4

BAUD = 115_200  # HAN and WAN

ADC_OFFSET_STEPS = 20  # millivolts
ADC_ERROR_PERMILLE = 50  # resistors 16, calibrated ADC 30, rounded up
