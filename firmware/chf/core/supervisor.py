"""The power-loss supervisor: events in, effects out. What it does at 180 s stands in states.py and policy.py."""

from chf.core import alerts, decision, energy, events, limits, messages, policy, proof, states
from chf.core.activation import LIFE_TIMER, REFILL_TIMER, Activation
from chf.core.commands import Commands
from chf.core.effects import JOURNAL, SEND
from chf.core.floor import Bucket
from chf.core.inferred import DUE_TIMER
from chf.core.notice import FOLLOW_TIMER, Notice
from chf.core.notice import REFILL_TIMER as VERSIONS_TIMER
from chf.core.notice import RETRY_TIMER as NOTICE_TIMER
from chf.core.outage import UNVOUCHED, Outage
from chf.core.ticks import HALF, MASK, Timers, add, diff
from chf.core.utc import Nonces, Utc
from chf.journal.records import JOURNAL_VERSION
from chf.wire import schema as s


class Supervisor:
    """Give it what the journals hold and one BOOT event; then every event with its tick.

    handle() returns the list of effects to carry out in order; next_deadline() the tick at which to call again with a
    SAMPLE; quiet() whether a sample can be skipped, without allocating.
    """

    def __init__(self, config, recovered):
        self.config = config
        self.timers = Timers()
        self.phase = states.POWERED
        self.outage = None
        self.bits = s.SENSE_SUPPLY
        self.holdup_mv = 0
        self.store_fault = False
        self.damaged = recovered.damaged_counters or recovered.damaged_outages
        self.boot = 0  # of this run, from the journal
        self.session = bytes(8)  # epoch and boot count: what every outage's id begins with
        self._recovered = recovered
        self._deadline = None
        self._out = []
        self._losses = Bucket(limits.LOSS_BURST, limits.LOSS_REFILL_MS)
        self._muted = False
        self._muted_utc = s.NO_UTC
        self._ac_high = None  # tick at which AC_LO was last seen high
        self._outages = 0
        self._random = 0
        self._booting = True  # until the next event: a store that fails then may have lost this boot's number

    # ---- the three calls

    def handle(self, event: tuple, now: int) -> list:
        self._out = []
        kind = event[0]
        if kind == events.BOOT:
            self._boot(now, event[1], event[2], event[3], event[4])
        else:
            if kind != events.STORE_FAILED:
                self._booting = False
                self.activation.unanswered = None
                self.commands.unanswered = None
                self.commands.inferred.latest = None
            if kind == events.SAMPLE:
                self.holdup_mv = event[2]  # what is due is decided with the energy that is left
                if not event[1] & s.SENSE_SUPPLY:
                    self.timers.cancel("qualify")  # nobody has seen it good for all of the 2 s
            # What was due before this event happened before it: in doubt, the threshold counts, not the return.
            self._run_timers(now)
            if kind == events.SAMPLE:
                self._sample(now, event[1])
            elif kind == events.MESSAGE:
                messages.take(self, now, event[1], event[2], event[3])
            elif kind == events.STORE_FAILED:
                self._store_failed(now)
            elif kind == events.CLEAN_STOP and self.phase == states.POWERED:
                self._journal("alive", {"utc": self.utc.at(now), "clean": 1})
        self._run_timers(now)
        self.alerts.plan(now)
        name = self.timers.earliest()
        self._deadline = None if name is None else self.timers.at(name)
        return self._out

    def next_deadline(self):
        """Tick, or None."""
        return self._deadline

    def quiet(self, now: int, bits: int, holdup_mv: int) -> bool:
        """Whether a sample of these values would change nothing."""
        deadline = self._deadline
        # ticks.diff(now, deadline) >= 0, written out: this runs in every pass of the loop.
        if bits != self.bits or (deadline is not None and (now - deadline) & MASK < HALF):
            return False
        outage = self.outage
        return outage is None or outage.durable or holdup_mv > self.config.dying_mv

    # ---- boot

    def _boot(self, now, reset, bits, holdup_mv, seed):
        from chf.core import boot

        self._random = int.from_bytes(seed[12:15], "big")
        self._nonces = nonces = Nonces(seed)
        self.utc = Utc(nonces)
        self.activation = Activation(self.config, self.timers, nonces)
        self.commands = Commands(self.config, self.activation, self.utc, self.timers)
        self.notice = Notice(self.timers)
        self.alerts = alerts.Alerts(self.config, self.timers, self._jitter)
        self.bits = bits
        self.holdup_mv = holdup_mv
        boot.start(self, self._recovered, now, reset, seed)
        self._recovered = None

    def may_repeat(self, now) -> bool:
        """Whether there is energy to say something once more, and still to say what the open outage may come to."""
        if self.bits & s.SENSE_SUPPLY:
            return True
        outage = self.outage
        left_s = 0
        if outage is not None and outage.level == s.LEVEL_NONE:
            left_s = max(0, limits.AD1_THRESHOLD_MS - outage.elapsed_ms(now)) // 1000 + 1
        elif outage is not None and outage.level < s.LEVEL_PLAIN:
            left_s = outage.window_left_s(now)
        return energy.can_retry(self.config, self.holdup_mv, left_s)

    def _jitter(self, ms):
        self._random = (self._random * 4093 + 12345) & 0x3FFFF  # spreads sends; nothing secret hangs on it
        return self._random % ms if ms > 0 else 0

    # ---- samples and phases

    def _sample(self, now, bits):
        was = self.bits
        self.bits = bits
        if (bits | was) & s.SENSE_AC_LO:
            self._ac_high = now  # it was high until now, if it is not still
        if bits & s.SENSE_AC_LO:
            if self.outage is not None:
                self.outage.loss_bits &= ~s.SENSE_MAINS_HINT
        if (bits ^ was) & s.SENSE_SUPPLY:
            self._trigger(states.SUPPLY_BACK if bits & s.SENSE_SUPPLY else states.SUPPLY_LOST, now)
        outage = self.outage
        if outage is not None and not outage.durable and self.holdup_mv <= self.config.dying_mv:
            self._journal_loss(now)

    def _trigger(self, what, now):
        step = states.step(self.phase, what)
        if step is not None:
            self.phase, action = step
            if action != "-":
                getattr(self, "_do_" + action)(now)

    def _do_open(self, now):
        self._outages += 1
        outage = Outage(self.session + self._outages.to_bytes(4, "big"))
        outage.anchor = now
        if self.timers.at(UNVOUCHED) is not None:
            outage.error_ms = limits.BEFORE_BOOT_MS
        outage.loss_utc = self.utc.at(now)
        outage.loss_bits = self.bits
        if not self.bits & s.SENSE_AC_LO and (
            self._ac_high is None or diff(now, self._ac_high) > limits.AC_LO_SETTLE_MS
        ):
            outage.loss_bits |= s.SENSE_MAINS_HINT
        outage.loss_holdup_mv = self.holdup_mv
        if self.activation.covers(now):
            flag = self.activation.flag
            outage.flag_counter = flag.counter
            outage.source = flag.source
            outage.window_s = flag.window_s
        self.outage = outage
        early = self._losses.take(now, self.timers, "loss-refill")
        self.timers.set("journal", add(now, limits.LOSS_JOURNAL_MS if early else limits.CHECKPOINT_MS))
        self._watch(now)

    def _watch(self, now):
        """Timers of an outage without supply."""
        outage = self.outage
        self._poll(now)
        if self.timers.at("checkpoint") is None:  # else as it was: supply that comes and goes must not put it off
            self.timers.set("checkpoint", add(now, limits.CHECKPOINT_MS))
        if self.phase == states.LOST:
            left_ms = limits.AD1_THRESHOLD_MS - outage.elapsed_ms(now)
            self.timers.set("threshold", add(now, max(0, left_ms)))
        elif s.LEVEL_NONE < outage.level < s.LEVEL_PLAIN:
            self.timers.set("window", add(now, outage.window_left_ms(now)))

    def _poll(self, now):
        """Look at the hold-up often while silence depends on it."""
        if self.outage.level in (s.LEVEL_ASKED, s.LEVEL_HELD):
            self.timers.set("poll", add(now, limits.OUTAGE_POLL_MS))

    def _do_await_qualified(self, now):
        self.outage.returned = now
        for name in ("threshold", "poll", "window"):
            self.timers.cancel(name)
        self.timers.set("qualify", add(now, limits.RESTORE_QUALIFY_MS))

    def _do_resume(self, now):
        self.outage.returned = None
        self.timers.cancel("qualify")
        self._watch(now)
        self._again(now)

    def _do_await_proof(self, now):
        if self.timers.at("proof") is None:
            self.timers.set("proof", add(now, limits.BOOT_PROOF_MS))
        self.timers.set("time", now)

    def _do_resume_found(self, now):
        if diff(now, self.outage.returned) < limits.RESTORE_QUALIFY_MS:
            self._do_resume(now)
        else:
            # That one is over, proven or not; this is another.
            self._do_close(now)
            self._do_open(now)

    def _do_close(self, now):
        outage = self.outage
        for name in ("threshold", "poll", "checkpoint", "proof", "qualify", "journal", "window", "hold"):
            self.timers.cancel(name)
        ended_at = outage.returned
        elapsed_ms = outage.elapsed_ms(now)
        short = outage.exact and elapsed_ms + outage.error_ms < limits.AD1_THRESHOLD_MS
        if outage.level == s.LEVEL_ASKED or (outage.level == s.LEVEL_NONE and not short):
            if outage.hold in (policy.HOLD_UNASKED, policy.HOLD_WAITING):
                outage.hold = policy.HOLD_IMPOSSIBLE
            self._do_decide(now)
        if outage.durable:
            outage.finish(outage.told_s(now), self.utc.at(ended_at), self.bits, self.holdup_mv)
            self._journal("end", outage.ended())
            self.notice.interrupted(now, outage, self._out)
        if outage.decision is not None:
            if outage.restored_pending():
                self._out.append((SEND, "restored", outage.restored()))
                self.alerts.soon(outage, now, limits.RETRY_FIRST_MS)
            self.alerts.settle(outage)
        self.outage = None
        self.activation.lapse(now)
        if not outage.exact or elapsed_ms >= limits.SHORT_OUTAGE_MS:
            self.activation.shorten(ended_at, limits.AFTER_SHORT_MS, self.utc.at(ended_at), self._out)

    # ---- timers

    def _run_timers(self, now):
        while True:
            name = self.timers.take_due(now)
            if name is None:
                return
            if name == "threshold":
                self._trigger(states.THRESHOLD, now)
            elif name == "qualify":
                unproven = self.phase == states.RETURNING and not self.outage.exact
                self._trigger(states.QUALIFIED_UNPROVEN if unproven else states.QUALIFIED, now)
            elif name == "proof":
                proof.settle(self, now)
            elif name == "journal":
                outage = self.outage
                if outage.returned is None or outage.postponed:
                    self._journal_loss(now)
                else:  # if this return lasts, it was too short to be worth a flash write
                    outage.postponed = True
                    self.timers.set(name, add(now, limits.RESTORE_QUALIFY_MS + 1))
            elif name == "checkpoint":
                self._checkpoint(now)
            elif name == "poll":
                self._poll(now)
                self._do_decide(now)
            elif name == "window":
                self._do_decide(now)
            elif name == "hold":
                if self.outage.hold == policy.HOLD_WAITING:
                    self.outage.hold = policy.HOLD_IMPOSSIBLE
                    self._do_decide(now)
            elif name == "time":
                proof.ask(self, now)
            elif name == "mute":
                decision.unmute(self, now)
            elif name == alerts.TIMER:
                self.alerts.run(now, self.may_repeat(now), self._out)
                self.alerts.plan(now)
            elif name == LIFE_TIMER:
                outage = self.outage
                if outage is None or not self.activation.flag.explains(outage):
                    self.activation.lapse(now)
            elif name == REFILL_TIMER:
                self.activation.refill(now)
            elif name == DUE_TIMER:
                self.commands.inferred.plan(now, self.outage is not None, self._out)
            elif name == NOTICE_TIMER:
                self.notice.run(now, bool(self.bits & s.SENSE_SUPPLY), self._out)
            elif name == FOLLOW_TIMER:
                self.notice.lapse(now, self.outage is not None)
            elif name == VERSIONS_TIMER:
                self.notice.refill(now)
            elif name == "loss-refill":
                self._losses.refill(now, self.timers, name)

    def _journal_loss(self, now):
        outage = self.outage
        if not outage.durable:
            outage.durable = True
            self.timers.cancel("journal")
            self._journal("loss", outage.loss(now))

    def _checkpoint(self, now):
        outage = self.outage
        outage.reanchor(now)
        wait_ms = limits.CHECKPOINT_MS
        if self.phase == states.OUT:
            wait_ms = limits.CHECKPOINT_DECIDED_MS
        self.timers.set("checkpoint", add(now, wait_ms))
        if outage.durable:
            self._journal("checkpoint", {"id": outage.id, "elapsed_s": outage.elapsed_ms(now) // 1000})

    def _do_decide(self, now):
        decision.decide(self, now)

    # ---- what else can happen

    def _again(self, now):
        # While supply may be back nothing rises: it was back at that edge, or this runs again when it is lost.
        if self.phase == states.OUT:
            self._do_decide(now)

    def _store_failed(self, now):
        self.store_fault = True
        self.commands.store_failed(self._out)
        self.commands.inferred.store_failed(self._out)
        self.activation.store_failed(self._out)
        outage = self.outage
        if self._booting:
            # The number of this boot may be given again: its ids get an epoch that no other boot has.
            fresh = self._nonces.draw()[:4] + self.session[4:]
            if outage is not None and outage.decision is None and outage.id[:8] == self.session:
                outage.id = fresh + outage.id[8:]
                outage.durable = False
                self._journal_loss(now)
            self.session = fresh
            if self.phase == states.LOST:
                # Nothing is left of what was counted before this boot, nor will be of what is counted now.
                outage.exact = False
                proof.settle(self, now)
        if outage is not None and outage.level in (s.LEVEL_ASKED, s.LEVEL_HELD):
            outage.hold = policy.HOLD_IMPOSSIBLE
        self._again(now)

    # ---- the journal

    def _journal(self, name, values):
        self._out.append((JOURNAL, name, values))

    def snapshot_counters(self, now):
        """The records of a new generation of the counter file."""
        for record in self.commands.snapshot():
            yield record
        for record in self.activation.snapshot(now, self.utc.at(now)):
            yield record
        if self.notice.version:
            yield ("version", self.notice.values())

    def snapshot_outages(self, now):
        """The records of a new generation of the outage file."""
        yield ("format", {"version": JOURNAL_VERSION, "epoch": self.session[:4]})
        yield ("boot", {"boot": self.boot, "reset": s.RESET_OTHER, "utc": self.utc.at(now)})
        for record in self.alerts.snapshot():
            yield record
        if self.notice.report is not None:
            yield ("without_notice", self.notice.report)
        # After the decisions: one that held starts the 24 h anew when it is read.
        yield ("muted", {"utc": self._muted_utc, "over": int(not self._muted)})
        outage = self.outage
        if outage is not None and outage.durable:
            yield ("loss", outage.loss(now))
            for _ in range(min(outage.resets, 2)):  # more say no more
                yield ("boot", {"boot": self.boot, "reset": s.RESET_OTHER, "utc": s.NO_UTC})
