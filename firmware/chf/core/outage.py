"""One outage: its clock, its evidence, the flag that it began under, and what was decided and told of it."""

from chf.core.floor import ZERO
from chf.core.policy import HOLD_UNASKED
from chf.core.ticks import diff
from chf.journal.records import kind_of, record
from chf.wire import codec
from chf.wire import schema as s

UNVOUCHED = "unvouched"  # timer: supply has not been seen good for 2 s since the boot


class Told:
    """What the head-end was told of an outage, and has acknowledged: all that is kept of one that waits in the queue.

    `decision`, `end`: what was last decided and how it ended, packed as the journal has them, or None.
    """

    def __init__(self, outage_id: bytes):
        self.id = outage_id
        self.decision: bytes | None = None
        self.level = s.LEVEL_NONE
        self.revision = 0
        self.end: bytes | None = None
        self.acked_revision = 0
        self.restored_acked = False
        self.tries = 0
        self.due = None  # tick of the next transmission

    def slim(self):
        """The same without the rest of an Outage: eight whole ones would not fit a small heap."""
        told = Told(self.id)
        for name in list(told.__dict__):
            setattr(told, name, getattr(self, name))
        return told

    def tell(self, values: dict) -> None:
        """Take a decision: the fields of an `ad1` message."""
        self.decision = pack("decision", values)
        self.level = values["level"]
        self.revision = values["revision"]

    def told(self) -> dict:
        return unpack("decision", self.decision)

    def finish(self, duration_s: int, end_utc: int, bits: int, holdup_mv: int) -> None:
        """Supply is back for good."""
        values = {"id": self.id, "duration_s": duration_s, "end_utc": end_utc, "bits": bits, "holdup_mv": holdup_mv}
        self.end = pack("end", values)

    def ended(self) -> dict:
        return unpack("end", self.end)

    def alert_pending(self) -> bool:
        return self.level >= s.LEVEL_TAGGED and self.acked_revision < self.revision

    def restored_pending(self) -> bool:
        return self.end is not None and self.level >= s.LEVEL_ASKED and not self.restored_acked

    def pending(self) -> bool:
        return self.alert_pending() or self.restored_pending()

    def restored(self) -> dict:
        """The fields of its `restored` message."""
        values = self.ended()
        values["revision"] = self.revision
        values["level"] = self.level
        return values


class Outage(Told):
    """One that is open: its clock, its evidence, and the flag that it began under."""

    def __init__(self, outage_id: bytes):
        super().__init__(outage_id)
        # The clock: base_ms had passed at tick `anchor`. error_ms: how far the true time may lie above (utc-proven).
        self.base_ms = 0
        self.anchor = 0
        self.exact = True  # counted without a gap, or proven by the time
        self.error_ms = 0
        self.returned = None  # tick of the first edge of a return that is not yet qualified
        self.resets = 0  # restarts in mid-outage that no time has proven harmless
        self.provable = True
        # Evidence and flag at the loss
        self.loss_utc = s.NO_UTC
        self.loss_bits = 0
        self.loss_holdup_mv = 0
        self.flag_counter = ZERO
        self.source = s.SOURCE_NONE
        self.window_s = 0
        self.durable = False  # the loss record is written
        self.postponed = False  # it was once, because supply was back
        self.hold = HOLD_UNASKED

    def elapsed_ms(self, now: int) -> int:
        """At least so long without supply; up to the first edge of the present return, if there is one."""
        return self.base_ms + diff(now if self.returned is None else self.returned, self.anchor)

    def told_s(self, now: int) -> int:
        """The duration to tell: the best estimate, or UNKNOWN_S."""
        return (self.elapsed_ms(now) + self.error_ms // 2) // 1000 if self.exact else s.UNKNOWN_S

    def reanchor(self, now: int) -> None:
        """Move the anchor up, before the ticks wrap under it."""
        at = now if self.returned is None else self.returned
        self.base_ms += diff(at, self.anchor)
        self.anchor = at

    def window_left_ms(self, now: int) -> int:
        return max(0, self.window_s * 1000 - self.elapsed_ms(now) - self.error_ms)

    def window_left_s(self, now: int) -> int:
        """Rounded up, so that a promise made of it is never short."""
        return (self.window_left_ms(now) + 999) // 1000

    @property
    def unseen(self) -> bool:
        """The loss itself was not seen: loss_utc is when the hub is last known to have run."""
        return bool(self.loss_bits & s.SENSE_SUPPLY)

    def loss(self, now: int) -> dict:
        """The fields of its loss record."""
        return {
            "id": self.id,
            "elapsed_s": self.elapsed_ms(now) // 1000,
            "utc": self.loss_utc,
            "bits": self.loss_bits,
            "holdup_mv": self.loss_holdup_mv,
            "flag_counter": self.flag_counter,
            "source": self.source,
            "window_s": self.window_s,
        }


def pack(name: str, values: dict) -> bytes:
    """The octets of a journal record's fields."""
    return codec.pack(record(kind_of(name))[1], values)


def size_of(name: str) -> int:
    """Octets of a journal record's fields."""
    return codec.width(record(kind_of(name))[1])


def unpack(name: str, octets: bytes) -> dict:
    return codec.unpack(record(kind_of(name))[1], octets, 0, len(octets))
