"""Activation without notice: a meter's firmware changed over an interruption that it had not declared.

The head-end is told, durably and until it acknowledges; nothing that the hub decides depends on it.
"""

from chf.core import limits
from chf.core.effects import JOURNAL, SEND
from chf.core.floor import Bucket
from chf.core.ticks import add
from chf.journal.records import ACKED_NOTICE
from chf.wire import schema as s

RETRY_TIMER = "notice"
FOLLOW_TIMER = "notice-follow"
REFILL_TIMER = "notice-refill"


class Notice:
    """`version`: of the meter's running firmware, 0 while not known. `report`: the message that waits, or None."""

    def __init__(self, timers):
        self.version = 0
        self.before = 0  # the version before the last change, while an interruption may still follow it
        self.gap = s.GAP_NONE  # of supply, since `version` was last seen
        self.report = None
        self._id = None  # of the last outage
        self._timers = timers
        self._bucket = Bucket(limits.VERSION_BURST, limits.DECLARATION_REFILL_MS)

    def learn(self, now, version, evidence, out) -> None:
        """The meter runs `version`, says `evidence` (EVIDENCE_*)."""
        before = self.version
        gap = self.gap
        if version == 0 or (version == before and gap == s.GAP_NONE):
            return
        if not self._bucket.take(now, self._timers, REFILL_TIMER):
            return
        self.version = version
        self.gap = s.GAP_NONE
        if before and version != before:
            if gap == s.GAP_UNDECLARED:
                self._tell(now, before, evidence, out)
            elif gap == s.GAP_NONE:
                # Many meters answer first and reboot after.
                self.before = before
                self._timers.set(FOLLOW_TIMER, add(now, limits.AFTER_RESULT_MS))
        self._journal(out)

    def interrupted(self, now, outage, out) -> None:
        """An outage is over that was long enough to be on record."""
        self._id = outage.id
        if not self.version or self.gap == s.GAP_DECLARED:
            return
        gap = s.GAP_DECLARED if outage.source == s.SOURCE_DECLARED else s.GAP_UNDECLARED
        if self.before:
            if gap == s.GAP_UNDECLARED:
                self._tell(now, self.before, s.EVIDENCE_RESULT, out)
            gap = s.GAP_NONE
            self._timers.cancel(FOLLOW_TIMER)
            self.before = 0
        elif gap == self.gap:
            return
        self.gap = gap
        self._journal(out)

    def lapse(self, now, supply_out) -> None:
        """No interruption has followed, unless one is just passing."""
        if supply_out:
            self._timers.set(FOLLOW_TIMER, add(now, limits.RETRY_MAX_MS))
        else:
            self.before = 0

    def forget(self) -> None:
        """It was another meter's."""
        self.version = self.before = 0
        self.gap = s.GAP_NONE

    def refill(self, now) -> None:
        self._bucket.refill(now, self._timers, REFILL_TIMER)

    def restore(self, now, version, report) -> None:
        """As the journals tell it: the fields of the last `version` record, of a report not acknowledged, or None."""
        if version is not None:
            self.version = version["version"]
            self.before = version["before"]
            self.gap = version["gap"]
            if self.before:
                self._timers.set(FOLLOW_TIMER, add(now, limits.AFTER_RESULT_MS))
        self.report = report
        if report is not None:
            self._timers.set(RETRY_TIMER, add(now, limits.RETRY_FIRST_MS))

    def _tell(self, now, before, evidence, out):
        if self.report is not None:
            before = self.report["before"]  # not acknowledged yet: one message for both
        report = {"id": self._id or bytes(s.ID_LEN), "before": before, "after": self.version, "evidence": evidence}
        self.report = report
        out.append((JOURNAL, "without_notice", report))
        self._timers.set(RETRY_TIMER, now)

    def _journal(self, out):
        out.append((JOURNAL, "version", self.values()))

    def values(self):
        """As the journal's records carry it."""
        return {"version": self.version, "before": self.before, "gap": self.gap}

    def run(self, now, supply_good, out) -> None:
        """Send what waits; again until it is acknowledged. It is not worth hold-up energy."""
        if supply_good:
            out.append((SEND, "without_notice", self.report))
        self._timers.set(RETRY_TIMER, add(now, limits.RETRY_MAX_MS))

    def on_ack(self, fields, out) -> bool:
        if self.report is None or bytes(fields["id"]) != self.report["id"] or fields["after"] != self.report["after"]:
            return False
        self.report = None
        self._timers.cancel(RETRY_TIMER)
        out.append((JOURNAL, "acked", {"id": fields["id"], "revision": 0, "what": ACKED_NOTICE}))
        return True
