"""The fixture board's pins, and what its hold-up level is made of: the one truth, which rig.toml repeats."""

RAIL = 10  # high: the 12 V line is on
POWER = 11  # high: the hub has its power
AC_LO = 12  # open drain: released is high
MT_PR = 13  # open drain: pulled low is present
MAINT = 15
LEVEL = 16  # PWM, filtered
LEVEL_SENSE = 26  # ADC 0, behind a divider like the hub's own

LEVEL_FULL_MV = 6_600  # of the amplifier's output at a duty of 1: 3.3 V, doubled
PWM_HZ = 40_000  # ripple behind the filter: under 5 mV
