"""Voltages from an ADC behind a divider, in integers below 2**30; every error is taken towards the lower voltage.

What reads low alerts early and holds nothing back; what reads high could hide an outage.
"""

import wiring as w

_SHIFT = 12  # an input gives 0 to 4,095


class Divider:
    """The voltage above a divider: top_ohm to the source, bottom_ohm to ground, the pin between them.

    read(): 0 to 4,095 steps of full_mv / 4,096. offset_steps: what the ADC may read too much at zero. error_permille:
        by how much ADC, reference and resistors together may read too high.
    """

    def __init__(self, read, full_mv, top_ohm, bottom_ohm, offset_steps, error_permille):
        self._read = read
        self._offset_steps = offset_steps
        # One multiplication a sample: 4,095 steps of at most 2**17 stay below 2**30.
        self._mv_of_all_steps = full_mv * (top_ohm + bottom_ohm) // bottom_ohm * (1000 - error_permille) // 1000

    def millivolts(self):
        """The least that the voltage can be, 0 or more, rounded down."""
        steps = self._read() - self._offset_steps
        return steps * self._mv_of_all_steps >> _SHIFT if steps > 0 else 0


def dividers(read_supply, read_holdup, full_mv, offset_steps, error_permille):
    """The supply's Divider and the hold-up's, on two inputs of one ADC."""
    return (
        Divider(read_supply, full_mv, w.SUPPLY_TOP_OHM, w.SUPPLY_BOTTOM_OHM, offset_steps, error_permille),
        Divider(read_holdup, full_mv, w.HOLDUP_TOP_OHM, w.HOLDUP_BOTTOM_OHM, offset_steps, error_permille),
    )


class Supply:
    """Whether 12 V is within range, with hysteresis; lost until it has been seen good. divider: a Divider."""

    def __init__(self, divider, good_mv, lost_mv, max_mv):
        self._millivolts = divider.millivolts
        self._good_mv = good_mv
        self._lost_mv = lost_mv
        self._max_mv = max_mv
        self._good = False

    def good(self):
        """Sample it once."""
        mv = self._millivolts()
        least = self._lost_mv if self._good else self._good_mv
        self._good = least <= mv <= self._max_mv
        return self._good
