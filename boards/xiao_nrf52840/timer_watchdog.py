"""A watchdog for a port that has none: a timer's interrupt restarts a hub that has not fed it.

It catches a loop that hangs. It does not catch a chip whose interrupts are off, as a real watchdog would.
"""

TICKS_MAX = 8  # of the timer, one second each: as long as on the other boards

_ticks = 0
_reset = None


def start(start_timer, reset):
    """Start it; what feeds it comes back. start_timer(handler): of one second. reset(): does not return."""
    global _reset
    _reset = reset
    start_timer(tick)
    return feed


def tick(_timer):
    """The timer's handler: nothing in it allocates.

    A function of a module: the nrf port takes no method, and keeps no reference that would save one that is made from
    being collected (ports/nrf/modules/machine/timer.c).
    """
    global _ticks
    _ticks += 1
    if _ticks > TICKS_MAX:
        _reset()


def feed():
    global _ticks
    _ticks = 0
