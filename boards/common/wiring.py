"""The circuits between a meter's interface and any board: their values, and the voltages that the hub goes by.

The drawings, the pages and the tests take them from here. Resistors of 1 %.
"""

SUPPLY_TOP_OHM = 100_000  # 12 V gives 2.16 V at the pin; 24 V by mistake gives 0.2 mA into the clamp
SUPPLY_BOTTOM_OHM = 22_000
HOLDUP_TOP_OHM = 100_000  # 5.5 V gives 2.75 V, and costs 28 uA of what the capacitor holds
HOLDUP_BOTTOM_OHM = 100_000
FILTER_NF = 10  # at each ADC pin: what the sampling capacitor takes in comes from here
SERIES_OHM = 2_200  # AC_LO, MT_PR: 12 V by mistake gives 4 mA into the clamp; a pull-up of 11 kOhm still reads low

# Supply counts as good from GOOD on, as lost below LOST, and as lost above MAX: only a broken divider reads that much.
# The interface's limits are not public: defaults, well under 12 V less 10 %.
SUPPLY_GOOD_MV = 9_000
SUPPLY_LOST_MV = 8_000
SUPPLY_MAX_MV = 15_500

RX_OCTETS = 2_048  # a driver's receive buffer: a frame of 1,536 octets with its escapes, while the hub is busy
TX_OCTETS = 256
