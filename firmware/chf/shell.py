"""The shell: one poll loop that waits on the board's ports, feeds the core and carries out its effects."""

import gc
import sys

from chf.bench import Bench
from chf.core import effects, events
from chf.core.supervisor import Supervisor
from chf.core.ticks import add, diff
from chf.journal.journal import FILES, LIMIT, Journal
from chf.journal.records import kind_of
from chf.trace import Trace
from chf.wire import framing
from chf.wire import schema as s
from chf.wire.auth import Key, unwrap
from chf.wire.codec import message, type_of
from chf.wire.endpoint import Endpoint
from chf.wire.outbox import Outbox

FEED_MS = 2_000  # the longest the loop sleeps: a quarter of the shortest watchdog that any board has (RP2: 8.3 s)
DRAIN_MS = 500  # how long a restart waits for what is still to be sent
PENDING_POLL_MS = 5
READ_TRIES = 3  # of a journal at boot: what is read once more costs nothing, what is lost costs keys and alerts
READS_MAX = 16  # buffers of one port in one pass: a flood on one link starves neither the others nor the watchdog
BENCH_FRAME_MAX = 64  # octets: every message to the hub's bench link is shorter
_WALK = "chf.journal.walk"
_PEER_LINK = {s.PEER_ESME: s.LINK_HAN, s.PEER_HEAD_END: s.LINK_WAN}


def _frame_max(port):
    """Octets of the longest frame that a port may receive: only HAN and WAN carry long ones."""
    return s.FRAME_MAX if port.links & (1 << s.LINK_HAN | 1 << s.LINK_WAN) else BENCH_FRAME_MAX


def _unload(*names):
    """Give back the heap of what only a boot needs."""
    if sys.implementation.name != "micropython":
        return
    for name in names:
        package, _, module = name.rpartition(".")
        if sys.modules.pop(name, None) is not None and hasattr(sys.modules[package], module):
            delattr(sys.modules[package], module)


class Shell:
    """Joins the core to `board` (ports.Board). step() never raises on any input; run() never returns."""

    def __init__(self, board):
        self.board = board
        self.ahead_ms = 0  # how far the core's clock is ahead of the board's: time_skip, with the strap fitted alone
        self.trace = Trace()
        self.endpoint = Endpoint(True, board.strapped)
        self._load_identity()
        self.counters = Journal(board.store, FILES[s.JOURNAL_COUNTERS])
        self.outages = Journal(board.store, FILES[s.JOURNAL_OUTAGES])
        # Before the buffers, whose room a file takes meanwhile.
        recovered, readable = self._read_journals()
        self._ports = [
            (port, framing.Framer(_frame_max(port), self.endpoint.drops), Outbox(port)) for port in board.links
        ]
        self._rx = bytearray(256)
        self.bench = Bench(self)  # first: what the bench says in the lines' place counts at boot too
        self._boot(recovered, readable)

    def _load_identity(self):
        from chf import identity

        self.config, self.endpoint.keys, self.fault = identity.load(self.board)
        _unload("chf.identity")

    def _read_journals(self):
        """(what they add up to, whether that of the outages could be read at all)."""
        from chf.core.recovery import Recovered

        recovered = Recovered()
        self._recover(self.counters, recovered)
        readable = self._recover(self.outages, recovered)
        _unload("chf.core.recovery", _WALK)
        return recovered.found(), readable

    def _boot(self, recovered, readable):
        if self.counters.fresh and not self.outages.fresh:
            self.counters.damaged = True  # a hub that has run has both: without it every replay would be new
        elif self.counters.fresh:
            self._rewrite_file(self.counters, ())
        recovered.damaged_counters = self.counters.damaged
        recovered.damaged_outages = self.outages.damaged
        for peer in recovered.keys:
            self.endpoint.keys[_PEER_LINK[peer]] = Key(recovered.keys[peer])
        self.supervisor = Supervisor(self.config, recovered)
        board = self.board
        now = board.ticks_ms()
        boot = (events.BOOT, board.reset_cause, self._bits(), self._holdup_mv(), board.random(16))
        self.event(boot, now)
        if self.outages.damaged and readable:
            # The doubt is now an alert of its own, durable with the rest: the file can be whole again.
            self._rewrite(self.outages, now)
        _unload("chf.core.boot")

    def _recover(self, journal, recovered) -> bool:
        """Whether the file could be read at all; if not, what it holds is unknown, and damage."""
        for _ in range(READ_TRIES):
            try:
                journal.replay(recovered.apply)
                return True
            except (OSError, MemoryError):
                gc.collect()
        journal.damaged = True
        return False

    # ---- the loop

    def run(self):
        while True:
            self.step()
            self.sleep()

    def step(self):
        """One pass over the ports and the core. Without input and with nothing due it allocates nothing."""
        self._attend()
        rx = self._rx
        for port, framer, outbox in self._ports:
            if outbox.pending:
                outbox.flush()
            for _ in range(READS_MAX):
                n = port.readinto(rx)
                at = 0
                while at < n:
                    at = framer.push(rx, at, n)
                    if framer.ready:
                        self._frame(port, framer)
                if n < len(rx):
                    break
                self._attend()  # a flood: each buffer of it may take half a second

    def _attend(self):
        """The watchdog and the lines.

        The lines before any message: what it decides is decided with the supply and the energy of now, and a flag that
        comes together with the loss comes too late.
        """
        if not self.bench.starve:
            self.board.feed()
        self.sample()

    def sample(self):
        """Look at the sense lines, or at what the bench says in their place, and tell the core what is new to it."""
        now = add(self.board.ticks_ms(), self.ahead_ms)
        bits = self._bits()
        holdup_mv = self._holdup_mv()
        if not self.supervisor.quiet(now, bits, holdup_mv):
            self.event((events.SAMPLE, bits, holdup_mv), now)

    def _bits(self):
        bits = self.board.sense()
        bench = self.bench
        return (bits & ~bench.mask) | bench.bits if bench.mask else bits

    def _holdup_mv(self):
        return self.bench.mv if self.bench.override_mv else self.board.holdup_mv()

    def _pending(self):
        for _port, _framer, outbox in self._ports:
            if outbox.pending:
                return True
        return False

    def sleep(self):
        """Wait for the next deadline, or for input."""
        now = add(self.board.ticks_ms(), self.ahead_ms)
        until = add(now, PENDING_POLL_MS if self._pending() else FEED_MS)
        deadline = self.supervisor.next_deadline()
        if deadline is not None and diff(until, deadline) > 0:
            until = deadline
        if diff(until, now) > 0:
            self.board.wait(add(until, -self.ahead_ms))

    # ---- in

    def _frame(self, port, framer):
        try:
            opened = self.endpoint.open(framer.buf, framer.ready, port.links)
        except MemoryError:
            gc.collect()
            framer.count(s.DROP_LONG)
            return
        if opened is None:
            return
        name, fields, tag = opened
        now = add(self.board.ticks_ms(), self.ahead_ms)
        if type_of(name) >= s.TYPE_BENCH_FIRST:
            try:
                self.bench.on_message(name, fields, now)
            except MemoryError:
                # A long read-out, and no hole in the heap that long: the bench asks again, the hub goes on.
                gc.collect()
                self.send("bench_refusal", {"type": type_of(name), "reason": s.REFUSED_STORE})
            return
        if "wrapped" in fields:
            fields["key"] = unwrap(self.endpoint.keys[s.LINK_WAN], fields["counter"], fields.pop("wrapped"))
        self.event((events.MESSAGE, name, fields, tag), now)

    # ---- the core and its effects

    def event(self, event, now):
        """Give the core one event and carry out what it asks."""
        self._trace_event(event, now)
        failed = self._carry_out(self.supervisor.handle(event, now), now)
        if failed:
            # Once: what the core asks then (refusals, alerts) is sent whether or not the store takes it.
            event = (events.STORE_FAILED,)
            self._trace_event(event, now)
            self._carry_out(self.supervisor.handle(event, now), now)
        self._tidy(now)

    def _carry_out(self, wanted, now) -> bool:
        """Whether a journal record failed."""
        failed = False
        for effect in wanted:
            kind = effect[0]
            if kind == effects.JOURNAL:
                record = kind_of(effect[1])
                self.trace.put(now, 0x80 | kind, record, 0)
                try:
                    self._journal_of(record).append(effect[1], effect[2])
                except (OSError, MemoryError):
                    failed = self._journal_of(record).behind = True
            elif kind == effects.REKEY:
                if not failed:
                    self.endpoint.keys[_PEER_LINK[effect[1]]] = Key(effect[2])
            elif kind == effects.STALE:
                framing.count_drop(self.endpoint.drops, s.DROP_STALE)
            elif kind == effects.SEND or not failed:
                self.trace.put(now, 0x80 | kind, type_of(effect[1]), 0)
                try:
                    self.send(effect[1], effect[2])
                except MemoryError:
                    # A long relay, and no hole in the heap that long: its sender hears that it was not taken.
                    gc.collect()
                    failed = True
        return failed

    def _journal_of(self, record):
        return self.counters if record < s.RECORD_OUTAGES_FIRST else self.outages

    def _tidy(self, now):
        """Compact what has grown over its limit; mend what was damaged once the peers are in step again."""
        if _WALK in sys.modules:
            _unload(_WALK)
        if self.counters.full or self.counters.behind:
            self._rewrite(self.counters, now)
        if self.outages.full or self.outages.behind:
            self._rewrite(self.outages, now)
        if self.counters.damaged:
            sup = self.supervisor
            if not sup.activation.unsynced and not sup.commands.unsynced:
                self._rewrite(self.counters, now)

    def _rewrite(self, journal, now):
        sup = self.supervisor
        if journal is self.outages:
            self._rewrite_file(journal, sup.snapshot_outages(now))
        else:
            self._rewrite_file(journal, sup.snapshot_counters(now), sup.activation.unsynced or sup.commands.unsynced)

    def _rewrite_file(self, journal, records, damaged=False):
        try:
            if damaged:
                journal.compact(records)
            else:
                journal.mend(records)
        except MemoryError:
            gc.collect()  # it stays as it is, and is tried again when it has grown
        except OSError:
            self.fault = self.fault or "the journal cannot be rewritten: check the flash"
        # Never again for each record, even where the snapshot itself is near the limit.
        journal.limit = max(LIMIT, journal.size + LIMIT // 4)

    def _trace_event(self, event, now):
        kind = event[0]
        if kind == events.MESSAGE:
            self.trace.put(now, kind, type_of(event[1]), 0)
        elif kind == events.SAMPLE:
            self.trace.put(now, kind, event[1], event[2])
        elif kind == events.BOOT:
            self.trace.put(now, kind, event[2], event[3])
        else:
            self.trace.put(now, kind, 0, 0)

    # ---- out

    def send(self, name, fields):
        """Seal a message and start sending it on the first port that carries its link."""
        _name, link, _from_hub, has_mac, _fields = message(type_of(name))
        if has_mac and link not in self.endpoint.keys:
            return  # not provisioned: the fault stands in the identity
        for port, _framer, outbox in self._ports:
            if port.links >> link & 1:
                try:
                    content = self.endpoint.seal(name, fields)
                except MemoryError:
                    gc.collect()  # with what it had begun; nothing has been queued yet
                    content = self.endpoint.seal(name, fields)
                outbox.add(content)
                outbox.flush()
                return

    def drain(self):
        """Give what is pending a moment to leave, before a restart."""
        until = add(self.board.ticks_ms(), DRAIN_MS)
        while self._pending() and diff(until, self.board.ticks_ms()) > 0:
            self.board.wait(add(self.board.ticks_ms(), PENDING_POLL_MS))
            for _port, _framer, outbox in self._ports:
                outbox.flush()
