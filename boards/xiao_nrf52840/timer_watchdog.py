"""A watchdog for a port that has none: a timer's interrupt restarts a hub that has not fed it.

It catches a loop that hangs. It does not catch a chip whose interrupts are off, as a real watchdog would.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Timer

TICKS_MAX = 8  # of the timer, one second each: as long as on the other boards


class TimerWatchdog:
    """tick() is the timer's handler: nothing in it allocates. reset(): does not return."""

    def __init__(self, reset):
        self._reset = reset
        self._ticks = 0
        self._timer = None

    def start(self, timer: "Timer"):
        """Start the timer, and keep it: it would stop where it is collected as garbage. Returns what feeds."""
        self._timer = timer
        timer.start()
        return self.feed

    def tick(self, _timer):
        self._ticks += 1
        if self._ticks > TICKS_MAX:
            self._reset()

    def feed(self):
        self._ticks = 0
