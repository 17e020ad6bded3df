"""The inferred flag: what the hub concludes from the GBCS messages that it relays, for meters that declare nothing.

To the meter, a CS06 sets, schedules or cancels; its authority is the WAN link's, since the hub cannot check CS06's own
MAC. From the meter, a message can only clear or shorten.
"""

from chf.core import limits
from chf.core.activation import Flag
from chf.core.effects import JOURNAL
from chf.core.floor import ZERO
from chf.core.ticks import add
from chf.wire import gbcs
from chf.wire import schema as s

DUE_TIMER = "inferred"


class Inferred:
    """`queue`: (execution time, counter of its CS06, image hash) of what is future-dated, oldest first."""

    def __init__(self, activation, floor, utc, timers):
        self.queue = []
        self._activation = activation
        self._floor = floor  # callable: the head-end's counter, as the journal's records carry it
        self._utc = utc
        self._timers = timers
        self.latest = None  # counter of the one whose record waits for the journal

    def down(self, now, message, supply_out, out) -> bool:
        """What the head-end sends, as gbcs.read returns it: durable before it is relayed. True when a flag went."""
        activation = self._activation
        if message is None or message[3] != activation.config.esme:
            return False
        kind, counter, _from, _to, image_hash, due = message
        if kind == gbcs.CANCEL:
            return self._clear(None, out)
        if kind != gbcs.ACTIVATE:
            return False
        flag = activation.flag
        known = [entry[1] for entry in self.queue]
        if flag.source == s.SOURCE_INFERRED:
            known.append(flag.counter)
        # A repeat is the meter's to refuse. One that comes while supply is out explains nothing.
        full = self._taken(supply_out) if due == s.NO_UTC else len(self.queue) >= limits.INFERRED_MAX
        if full or counter in known:
            out.append((JOURNAL, "wan_floor", self._floor()))
            return False
        self.latest = counter
        if due == s.NO_UTC:
            self._pend(now, counter, image_hash, limits.VALID_MAX_S, out)
        else:
            self.queue.append((due, counter, image_hash))
            out.append((JOURNAL,) + self._record(counter, image_hash, due, 0, self._utc.at(now)))
            self.plan(now, supply_out, out)
        return False

    def up(self, now, message, out) -> bool:
        """What the meter sends. True when a flag was cleared."""
        if message is None or message[2] != self._activation.config.esme:
            return False
        kind = message[0]
        if kind == gbcs.FAILED or (kind == gbcs.RESULT and message[5]):
            return self._clear(message[1], out)
        if kind in (gbcs.DONE, gbcs.RESULT) and self._activation.flag.source == s.SOURCE_INFERRED:
            # Many meters answer first and reboot after.
            self._activation.shorten(now, limits.AFTER_RESULT_MS, self._utc.at(now), out)
        return False

    def plan(self, now, supply_out, out) -> None:
        """Make pending what is due by the trusted time, drop what is past, and set when to look again."""
        self._timers.cancel(DUE_TIMER)
        utc = self._utc.at(now)
        if utc == s.NO_UTC:
            return
        waiting = []
        wait_s = limits.TIME_STALE_MS // 1000  # by then a fresh time has asked again, or there is none
        for entry in self.queue:
            left_s = entry[0] + limits.VALID_MAX_S - utc
            early_s = entry[0] - limits.INFERRED_EARLY_S - utc
            if left_s <= 0:
                continue
            if early_s <= 0 and not self._taken(supply_out):
                self._pend(now, entry[1], entry[2], left_s, out)
                continue
            waiting.append(entry)
            wait_s = min(wait_s, early_s if early_s > 0 else limits.INFERRED_LOOK_S)
        self.queue = waiting
        if waiting:
            self._timers.set(DUE_TIMER, add(now, wait_s * 1000))

    def _taken(self, supply_out):
        """Whether the place of the flag is: by an outage that may hang on it, or by the meter's own word."""
        flag = self._activation.flag
        return supply_out or (flag.source == s.SOURCE_DECLARED and flag.state == s.FLAG_PENDING)

    def _pend(self, now, counter, image_hash, valid_s, out):
        self.latest = counter
        self._activation.pend(now, Flag(counter, s.SOURCE_INFERRED, limits.WINDOW_MAX_S, image_hash), valid_s)
        out.append((JOURNAL,) + self._record(counter, image_hash, s.NO_UTC, valid_s, self._utc.at(now)))

    def _clear(self, counter, out) -> bool:
        """The one of that CS06, or all, and whatever is pending."""
        kept = [entry for entry in self.queue if counter is not None and entry[1] != counter]
        had = len(kept) < len(self.queue)
        self.queue = kept
        cleared = self._activation.flag.source == s.SOURCE_INFERRED and self._activation.revoke()
        if cleared or had or counter is None:
            out.append((JOURNAL, "uninferred", dict(self._floor(), gbcs=counter or ZERO)))
        return cleared

    def store_failed(self, out) -> None:
        """The record of the last one may not be durable: it is no flag."""
        if self.latest is not None:
            self._clear(self.latest, out)
            self.latest = None

    def _record(self, counter, image_hash, due, valid_s=0, utc=s.NO_UTC):
        values = dict(self._floor(), gbcs=counter, image_hash=image_hash, due=due, valid_s=valid_s, utc=utc)
        return ("inferred", values)

    def snapshot(self):
        """The records of what is future-dated. The pending flag itself is with the declared one's, in Activation."""
        for due, counter, image_hash in self.queue:
            yield self._record(counter, image_hash, due)
