"""The BENCH link: who the hub is, for anybody; what it thinks and what it sees, only with the strap fitted."""

import sys

import chf
from chf.core import events
from chf.core.ticks import add
from chf.journal import journal
from chf.wire import schema as s
from chf.wire.codec import type_of

JOURNAL_CHUNK = 512
RIG_FILE = "rig"


class Bench:
    """Answers one bench message at a time for the shell that owns it."""

    def __init__(self, shell):
        self.shell = shell
        # Soft rig: sense lines overridden by the bench, kept over a restart.
        self.mask = 0
        self.bits = 0
        self.mv = 0
        self.override_mv = False
        self.starve = False
        if shell.board.strapped:
            try:
                saved = shell.board.store.read(RIG_FILE)
            except OSError:
                saved = None
                shell.fault = shell.fault or "the soft rig's file cannot be read: set the rig again"
            if saved is not None and len(saved) == 4:
                self.set_rig(saved[0], saved[1], saved[2] << 8 | saved[3])

    def on_message(self, name, fields, now) -> None:
        shell = self.shell
        if name == "identify":
            shell.send("identity", self._identity())
        elif not shell.board.strapped:
            shell.send("bench_refusal", {"type": type_of(name), "reason": s.REFUSED_STRAP})
        else:
            getattr(self, name)(fields, now)

    def _identity(self):
        shell = self.shell
        version = ".".join([str(n) for n in sys.implementation.version[:3]])
        text = "chf %s; %s; MicroPython %s" % (chf.__version__, shell.board.name, version)
        if shell.fault:
            text += "; " + shell.fault
        session = shell.supervisor.session
        return {
            "strapped": int(shell.board.strapped),
            "hub": shell.config.hub,
            "esme": shell.config.esme,
            "epoch": session[:4],
            "boot": shell.supervisor.boot,
            "text": text.encode(),
        }

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
        self.set_rig(mask, bits, mv)
        self.shell.sample()
        self._ack("rig_set")

    def set_rig(self, mask, bits, mv):
        lines = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
        self.mask = mask & lines
        self.bits = bits & self.mask
        self.override_mv = bool(mask & s.RIG_HOLDUP)
        self.mv = mv

    def restart(self, fields, now):
        self._ack("restart")
        if fields["kind"] == s.RESTART_WATCHDOG:
            self.starve = True
        else:
            self.shell.event((events.CLEAN_STOP,), now)
            self.shell.drain()
            self.shell.board.restart()

    def time_skip(self, fields, now):
        """The core's clock goes ahead of the board's, until a restart. on_message() comes here with the strap alone."""
        self.shell.ahead_ms = add(self.shell.ahead_ms, fields["ms"])
        self._ack("time_skip")

    def _ack(self, name):
        self.shell.send("bench_ack", {"type": type_of(name)})

    def _refuse(self, name, reason):
        self.shell.send("bench_refusal", {"type": type_of(name), "reason": reason})
