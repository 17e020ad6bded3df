"""What a bench may ask and do while its strap is fitted: state, journals, trace, soft rig, restart, time."""

from chf.core import events
from chf.core.ticks import add
from chf.journal import journal
from chf.wire import schema as s
from chf.wire.codec import type_of

JOURNAL_CHUNK = 512
RIG_FILE = "rig"


class Strap:
    """A method for each message. Made and called by `bench` (bench.Bench), with the strap fitted alone."""

    def __init__(self, bench):
        self._bench = bench
        self.shell = shell = bench.shell
        try:
            saved = shell.board.store.read(RIG_FILE)  # kept over a restart
        except OSError:
            saved = None
            shell.fault = shell.fault or "the soft rig's file cannot be read: set the rig again"
        if saved is not None and len(saved) == 4:
            self._set_rig(saved[0], saved[1], saved[2] << 8 | saved[3])

    def take(self, name, fields, now) -> None:
        """Answer one message."""
        getattr(self, name)(fields, now)

    def state_request(self, fields, now):
        sup = self.shell.supervisor
        flag = sup.activation.flag
        outage = sup.outage
        damaged = int(self.shell.counters.damaged) | int(self.shell.outages.damaged) << 1 | int(sup.store_fault) << 2
        self.shell.send(
            "state",
            {
                "phase": sup.phase,
                "level": s.LEVEL_NONE if outage is None else outage.level,
                "policy": sup.commands.policy,
                "flag": flag.state,
                "source": flag.source,
                "flag_left_s": flag.left_ms(now) // 1000,
                "bits": sup.bits,
                "holdup_mv": sup.holdup_mv,
                "elapsed_s": 0 if outage is None else outage.elapsed_ms(now) // 1000,
                "utc": sup.utc.at(now),
                "queued": len(sup.alerts.entries),
                "damaged": damaged,
                "drops": bytes(self.shell.endpoint.drops),
            },
        )

    def journal_request(self, fields, now):
        which = fields["file"]
        if which >= len(journal.FILES):
            self._refuse("journal_request", s.REFUSED_VALUE)
            return
        try:
            data = bytearray(self.shell.board.store.read(journal.FILES[which]) or b"")
        except OSError:
            self._refuse("journal_request", s.REFUSED_STORE)
            return
        at = fields["offset"]
        # Keys go out of the hub on no link, test keys included.
        journal.redact(data)
        chunk = data[at : at + JOURNAL_CHUNK]
        self.shell.send("journal_data", {"file": which, "offset": at, "total": len(data), "data": chunk})

    def bench_log_request(self, fields, now):
        index = fields["index"]
        data, count = self.shell.supervisor.alerts.read(index)
        self.shell.send("bench_log_data", {"index": index, "count": count, "data": data})

    def trace_request(self, fields, now):
        trace = self.shell.trace
        self.shell.send("trace_data", {"lost": trace.lost, "entries": trace.read()})

    def rig_set(self, fields, now):
        mask, bits, mv = fields["mask"], fields["bits"], fields["holdup_mv"]
        try:
            self.shell.board.store.replace(RIG_FILE, (bytes((mask, bits, mv >> 8, mv & 0xFF)),))
        except OSError:
            self._refuse("rig_set", s.REFUSED_STORE)
            return
        self._set_rig(mask, bits, mv)
        self.shell.sample()
        self._ack("rig_set")

    def _set_rig(self, mask, bits, mv):
        lines = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
        bench = self._bench
        bench.mask = mask & lines
        bench.bits = bits & bench.mask
        bench.override_mv = bool(mask & s.RIG_HOLDUP)
        bench.mv = mv

    def restart(self, fields, now):
        self._ack("restart")
        if fields["kind"] == s.RESTART_WATCHDOG:
            self._bench.starve = True
        else:
            self.shell.event((events.CLEAN_STOP,), now)
            self.shell.drain()
            self.shell.board.restart()

    def time_skip(self, fields, now):
        """The core's clock goes ahead of the board's, until a restart. Bench comes here with the strap alone."""
        self.shell.ahead_ms = add(self.shell.ahead_ms, fields["ms"])
        self._ack("time_skip")

    def _ack(self, name):
        self.shell.send("bench_ack", {"type": type_of(name)})

    def _refuse(self, name, reason):
        self.shell.send("bench_refusal", {"type": type_of(name), "reason": reason})
