"""What a peer's counter must exceed: NoReplay, and the exact repeat that is acknowledged again without effect."""

from chf.core.ticks import add

NEW = 0
REPEAT = 1
STALE = 2

ZERO = bytes(8)


class Floor:
    """The last counter accepted from one peer and the MAC of the message that carried it (octets, compared as such)."""

    def __init__(self):
        self.counter = ZERO
        self.tag = None

    def judge(self, counter: bytes, tag: bytes) -> int:
        if counter > self.counter:
            return NEW
        return REPEAT if counter == self.counter and tag == self.tag else STALE

    def advance(self, counter: bytes, tag) -> None:
        self.counter = bytes(counter)
        self.tag = None if tag is None else bytes(tag)

    def values(self) -> dict:
        """As the journal's records carry it."""
        return {"counter": self.counter, "tag": self.tag or bytes(16)}


class Bucket:
    """So many at once, then one each `refill_ms`: what may write to flash at a peer's or the rail's whim."""

    def __init__(self, burst: int, refill_ms: int):
        self.burst = burst
        self.refill_ms = refill_ms
        self.used = 0

    def take(self, now: int, timers, name: str) -> bool:
        """Whether one more is allowed. `timers` gets a deadline `name`; call refill() when it comes."""
        if self.used >= self.burst:
            return False
        self.used += 1
        if timers.at(name) is None:
            self._arm(now, timers, name)
        return True

    def refill(self, now: int, timers, name: str) -> None:
        self.used -= 1
        if self.used:
            self._arm(now, timers, name)

    def _arm(self, now, timers, name):
        timers.set(name, add(now, self.refill_ms))
