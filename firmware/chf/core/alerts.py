"""The queue of outages that the head-end has not acknowledged: sent, repeated on a budget, merged, never dropped."""

from chf.core import limits
from chf.core.effects import JOURNAL, SEND, SEND_IF_DURABLE
from chf.core.outage import Told, size_of, unpack
from chf.core.ticks import add, diff
from chf.journal.records import ACKED_AD1, ACKED_RESTORED
from chf.wire import schema as s

TIMER = "alerts"


class Alerts:
    """`entries`, oldest first: every outage told of and not done. `log`: the last LOG_MAX that are, packed."""

    def __init__(self, config, timers, jitter):
        self.config = config
        self.entries = []
        self.log = []  # (decision octets, end octets or None)
        self._timers = timers
        self._jitter = jitter  # callable: ms -> 0..ms-1

    def add(self, outage, out) -> None:
        """A newly decided outage. A full queue first merges its two oldest."""
        if len(self.entries) >= limits.QUEUE_MAX:
            self._merge(out)
        self.entries.append(outage)

    def _merge(self, out) -> None:
        gone = self.entries.pop(0)
        kept = self.entries[0]
        told = kept.told()
        told["revision"] = min(255, told["revision"] + 1)
        told["level"] = s.LEVEL_PLAIN
        told["cause"] = s.CAUSE_MERGED
        told["merged"] = min(0xFFFF, told["merged"] + gone.told()["merged"] + 1)
        kept.tell(told)
        # The merged record first: a cut between the two leaves one outage told twice, never one untold.
        out.append((JOURNAL, "decision", told))
        out.append((JOURNAL, "absorbed", {"id": gone.id, "into": kept.id}))
        if kept.due is None:
            kept.due = gone.due

    def tell(self, outage, now, out) -> None:
        """Send what the decision asks for, at once; the decision is already on its way to the journal."""
        outage.tries = 0
        self._transmit(outage, now, out)

    def _transmit(self, outage, now, out) -> None:
        if outage.level == s.LEVEL_ASKED and outage.end is None:
            left_s = outage.window_left_s(now)
            told = outage.told()
            notice = {"id": outage.id, "window_s": outage.window_s, "left_s": left_s, "source": told["source"]}
            for name in ("flag_counter", "loss_utc", "holdup_mv"):
                notice[name] = told[name]
            # To hold is a claim: never made unless it is durable.
            out.append((SEND_IF_DURABLE, "hold_notice", notice))
            outage.due = add(now, limits.HOLD_RETRY_MS)
            return
        if outage.alert_pending():
            out.append((SEND, "ad1", outage.told()))
        if outage.restored_pending():
            out.append((SEND, "restored", outage.restored()))
        wait_ms = min(limits.RETRY_MAX_MS, limits.RETRY_FIRST_MS << min(outage.tries, 6))
        outage.tries += 1
        outage.due = add(now, wait_ms + self._jitter(wait_ms // 2)) if outage.pending() else None

    def soon(self, outage, now, within_ms) -> None:
        """Start over with what is pending, at a random offset: many hubs boot and return at the same moment."""
        outage.tries = 0
        outage.due = add(now, self._jitter(within_ms))

    def run(self, now, may_repeat, out) -> None:
        """Repeat what is due. A repeat that the energy does not allow waits for its next turn."""
        for outage in self.entries:
            if outage.due is None or diff(now, outage.due) < 0:
                continue
            if may_repeat or outage.level == s.LEVEL_ASKED:
                self._transmit(outage, now, out)
            else:
                outage.due = add(now, limits.RETRY_FIRST_MS)

    def plan(self, now) -> None:
        """Set the timer to the earliest transmission."""
        self._timers.cancel(TIMER)
        best = None
        for outage in self.entries:
            if outage.due is not None and (best is None or diff(best, outage.due) > 0):
                best = outage.due
        if best is not None:
            self._timers.set(TIMER, best)

    def find(self, outage_id):
        for outage in self.entries:
            if outage.id == outage_id:
                return outage
        return None

    def ad1_ack(self, fields, out) -> bool:
        outage = self.find(bytes(fields["id"]))
        if outage is None or not outage.alert_pending() or fields["revision"] > outage.revision:
            return False
        if fields["revision"] > outage.acked_revision:
            outage.acked_revision = fields["revision"]
            self._acked(outage, fields["revision"], ACKED_AD1, out)
        return True

    def restored_ack(self, fields, out) -> bool:
        outage = self.find(bytes(fields["id"]))
        if outage is None or not outage.restored_pending():
            return False
        outage.restored_acked = True
        self._acked(outage, outage.revision, ACKED_RESTORED, out)
        return True

    def _acked(self, outage, revision, what, out) -> None:
        out.append((JOURNAL, "acked", {"id": outage.id, "revision": revision, "what": what}))
        if not outage.pending():
            outage.due = None
        self.settle(outage)

    def settle(self, outage) -> None:
        """An outage that has ended and left nothing pending goes to the log."""
        if outage.end is None or outage not in self.entries:
            return
        if not outage.pending():
            self.entries.remove(outage)
            remember(self.log, outage)
        elif type(outage) is not Told:
            self.entries[self.entries.index(outage)] = outage.slim()

    def read(self, index):
        """(octets, count): what was decided `index` back from the latest, and its end; nothing beyond the first."""
        at = len(self.entries) - 1 - index
        count = min(limits.LOG_MAX, len(self.log) + len(self.entries))
        if index >= count:
            return b"", count
        if at >= 0:
            return self.entries[at].decision + (self.entries[at].end or b""), count
        return self.log[at], count

    def snapshot(self):
        """The records that stand for the log and the queue in a new generation of the outage file."""
        for octets in self.log:
            split = len(octets) - size_of("end")
            decision = unpack("decision", octets[:split])
            yield ("decision", decision)
            yield ("end", unpack("end", octets[split:]))
            for what in (ACKED_AD1, ACKED_RESTORED):
                yield ("acked", {"id": decision["id"], "revision": decision["revision"], "what": what})
        for outage in self.entries:
            yield ("decision", outage.told())
            if outage.acked_revision:
                yield ("acked", {"id": outage.id, "revision": outage.acked_revision, "what": ACKED_AD1})
            if outage.end is not None:
                yield ("end", outage.ended())
            if outage.restored_acked:
                revision = outage.revision
                yield ("acked", {"id": outage.id, "revision": revision, "what": ACKED_RESTORED})


def remember(log, outage) -> None:
    """Add an outage that is done to a log; the oldest goes."""
    log.append(outage.decision + outage.end)
    if len(log) > limits.LOG_MAX:
        log.pop(0)
