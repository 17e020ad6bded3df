"""Milliseconds that wrap at 2**30 as a board's ticks_ms does, and named timers on them."""

PERIOD = 1 << 30
MASK = PERIOD - 1
HALF = 1 << 29  # 6.2 days: no deadline and no age held in ticks may be longer


def add(tick: int, ms: int) -> int:
    """The tick `ms` after `tick`; `ms` may be negative, its size under HALF."""
    return ((tick - HALF + ms) & MASK) ^ HALF  # no sum on the way reaches 2**30, which allocates on 32 bits


def diff(later: int, earlier: int) -> int:
    """Milliseconds from `earlier` to `later`, negative if it is the other way round."""
    return (((later - earlier) & MASK) ^ HALF) - HALF


class Timers:
    """Deadlines by name. At most one per name; what is due comes out earliest first."""

    def __init__(self):
        self._at = {}

    def set(self, name: str, tick: int) -> None:
        self._at[name] = tick

    def cancel(self, name: str) -> None:
        self._at.pop(name, None)

    def at(self, name: str):
        """The tick at which `name` is due, or None."""
        return self._at.get(name)

    def earliest(self):
        """Name of the earliest deadline, or None. Equal ticks: the name that sorts first, on every VM alike."""
        best = None
        for name, tick in self._at.items():
            if best is not None:
                ahead = diff(tick, self._at[best])
                if ahead > 0 or (ahead == 0 and name > best):
                    continue
            best = name
        return best

    def take_due(self, now: int):
        """Remove and return the earliest name that is due at `now`, or None."""
        name = self.earliest()
        if name is None or diff(now, self._at[name]) < 0:
            return None
        del self._at[name]
        return name
