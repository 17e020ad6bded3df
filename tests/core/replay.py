"""Runs a script of steps on the core with a journal in memory, on CPython and on the MicroPython VM alike.

A step is a list: its name, then its arguments, octets as "x:" and hex. A failure anywhere replays from its script:

    boot RESET TICK       the hub starts, its ticks at TICK   at TIME             run every deadline up to TIME, ms
    sense BITS MV         the lines change; a sample if due   message NAME FIELDS TAG
    store SKIP FAIL       SKIP appends work, FAIL fail        cut N               dead after N more effects
    off                   the power is cut now                stop                a clean stop is announced
    compact               both journals from snapshots        damage WHICH        for a boot: 1 counters, 2 outages
    lose WHICH INDEX      that record is gone                 late TIME           the loop was blocked until TIME
"""

from hashlib import sha256

from chf.core import effects, events
from chf.core.limits import Config
from chf.core.recovery import Recovered
from chf.core.supervisor import Supervisor
from chf.core.ticks import MASK, diff
from chf.journal.records import kind_of, record
from chf.wire import codec
from chf.wire import schema as s

HUB = bytes.fromhex("00db000000000001")
ESME = bytes.fromhex("00db000000000002")
FOREVER = 1 << 28

_FIELDS = {}  # the schema's texts, as met: the names of records and of messages do not overlap


def octets(value):
    """What stands for `value` in a script: octets as text, the rest as it is."""
    if not isinstance(value, (bytes, bytearray)):
        return value
    return "x:" + bytes(value).hex() if value else "x:"  # of none, MicroPython 1.27 makes octets and no text


def plain(value):
    """The value that stands in a script as octets() wrote it."""
    return bytes.fromhex(value[2:]) if isinstance(value, str) else value


def record_fields(name):
    if name not in _FIELDS:
        _FIELDS[name] = record(kind_of(name))[1]
    return _FIELDS[name]


def message_fields(name):
    if name not in _FIELDS:
        _FIELDS[name] = codec.message(codec.type_of(name))[4]
    return _FIELDS[name]


class Entry:
    """One line of the hub's log: what left the core, or befell the hub, at `time` ms, with the lines as they were.

    kind: "journal" (durable), "failed" (a record that the store refused), "send", "rekey", "boot", "dead".
    """

    def __init__(self, hub, kind, name, values):
        self.time = hub.time
        self.bits = hub.bits
        self.mv = hub.mv
        self.kind = kind
        self.name = name
        self.values = values

    def text(self):
        """The same on every VM: the time, what happened, and a digest of all its values."""
        values = " ".join([f"{key}={octets(self.values[key])}" for key in sorted(self.values)])
        return f"{self.time} {self.kind} {self.name} {sha256(values.encode()).digest()[:4].hex()}"


class Hub:
    """The core under test. `records`: what is durable, a list for each file of (name, octets)."""

    def __init__(self, options):
        self.options = options
        self.records = ([], [])
        self.log = []
        self.time = 0  # ms of the whole run, over restarts
        self.bits = s.SENSE_SUPPLY
        self.mv = 5_000
        self.sup = None  # None: without power, or cut
        self._zero = 0
        self._boots = 0
        self._skip = FOREVER
        self._fail = 0
        self._cut = None
        self._damage = 0
        self._behind = [False, False]  # of each file: whether a record of it was refused

    def run(self, script):
        """Takes all steps; returns the log."""
        for step in script:
            self.step(step)
        return self.log

    def step(self, step):
        """Takes one step."""
        getattr(self, "do_" + step[0])(*step[1:])

    def note(self, kind, name, values):
        self.log.append(Entry(self, kind, name, values))

    def tick(self):
        return (self._zero + self.time) & MASK

    def deadline(self):
        """The core's next deadline as a time in ms, None where it has none or the hub is dead."""
        tick = None if self.sup is None else self.sup.next_deadline()
        return None if tick is None else self.time + diff(tick, self.tick())

    # ---- steps

    def do_boot(self, reset, tick):
        self._zero = tick - self.time
        self._boots += 1
        self.note("boot", "reset" if reset else "power-on", {"damage": self._damage})
        self._behind = [False, False]
        recovered = self.recovered()
        recovered.damaged_counters = bool(self._damage & 1)
        recovered.damaged_outages = bool(self._damage & 2)
        self.sup = Supervisor(Config(HUB, ESME, **self.options), recovered)
        seed = sha256(b"seed %d" % self._boots).digest()[:16]
        self._give((events.BOOT, reset, self.bits, self.mv, seed))
        if self._damage & 2 and self.sup is not None:
            self._damage &= ~2
            self._rewrite(1, self.sup.snapshot_outages(self.tick()))

    def do_at(self, time):
        while True:
            due = self.deadline()
            if due is None or due > time:
                break
            self.time = max(self.time, due)
            if self.sup.quiet(self.tick(), self.bits, self.mv):
                raise AssertionError("quiet at its own deadline")
            self._give((events.SAMPLE, self.bits, self.mv))
        self.time = time

    def do_late(self, time):
        self.time = time

    def do_sense(self, bits, mv):
        self.bits = bits
        self.mv = mv
        if self.sup is not None and not self.sup.quiet(self.tick(), bits, mv):
            self._give((events.SAMPLE, bits, mv))

    def do_message(self, name, fields, tag):
        fields = {key: plain(fields[key]) for key in fields}
        self._give((events.MESSAGE, name, fields, plain(tag)))

    def do_store(self, skip, fail):
        self._skip = skip
        self._fail = fail

    def do_cut(self, after):
        self._cut = after

    def do_off(self):
        self._die()

    def do_stop(self):
        self._give((events.CLEAN_STOP,))

    def do_compact(self):
        self._rewrite(0, self.sup.snapshot_counters(self.tick()))
        self._rewrite(1, self.sup.snapshot_outages(self.tick()))

    def do_damage(self, which):
        self._damage |= which

    def do_lose(self, which, index):
        del self.records[which][index]

    # ---- the shell's part

    def recovered(self):
        """What the durable records fold to."""
        recovered = Recovered()
        for part in self.records:
            for name, data in part:
                recovered.apply(name, codec.unpack(record_fields(name), data, 0, len(data)))
        return recovered

    def _die(self):
        if self.sup is not None:
            self.note("dead", "hub", {})
        self.sup = None

    def _give(self, event):
        if self.sup is None:
            return
        failed = self._carry_out(self.sup.handle(event, self.tick()))
        if failed and self.sup is not None:
            self._carry_out(self.sup.handle((events.STORE_FAILED,), self.tick()))
        sup = self.sup
        if sup is not None:
            for which in (0, 1):
                if self._behind[which] and (self._skip > 0 or self._fail == 0):
                    snapshot = sup.snapshot_outages if which else sup.snapshot_counters
                    self._rewrite(which, snapshot(self.tick()))
            if self._damage & 1 and not sup.activation.unsynced and not sup.commands.unsynced:
                self._damage &= ~1
                self._rewrite(0, sup.snapshot_counters(self.tick()))
            deadline = sup.next_deadline()
            if deadline is not None and diff(deadline, self.tick()) <= 0:
                raise AssertionError("a deadline that is not in the future")

    def _carry_out(self, wanted):
        failed = False
        for effect in wanted:
            if self._cut is not None:
                if self._cut == 0:
                    self._cut = None
                    self._die()
                    return False
                self._cut -= 1
            kind = effect[0]
            if kind == effects.JOURNAL:
                failed = not self._append(effect[1], effect[2]) or failed
            elif kind == effects.REKEY:
                if not failed:
                    self.note("rekey", str(effect[1]), {"key": effect[2]})
            elif kind == effects.STALE:
                self.note("stale", "message", {})
            elif kind == effects.SEND or not failed:
                codec.pack(message_fields(effect[1]), effect[2])  # raises where a value does not fit
                self.note("send", effect[1], dict(effect[2]))
        return failed

    def _packed(self, name, values):
        return name, codec.pack(record_fields(name), values)

    def _rewrite(self, which, snapshot):
        # The snapshot is read whole before the file is replaced.
        self.records[which][:] = [self._packed(name, values) for name, values in snapshot]
        self._behind[which] = False

    def _append(self, name, values):
        packed = self._packed(name, values)
        if self._skip > 0:
            self._skip -= 1
            self._into(name).append(packed)
            self.note("journal", name, dict(values))
            return True
        if self._fail > 0:
            self._fail -= 1
            self.note("failed", name, dict(values))
            self._behind[kind_of(name) >= s.RECORD_OUTAGES_FIRST] = True
            return False
        self._skip = FOREVER
        return self._append(name, values)

    def _into(self, name):
        return self.records[0 if kind_of(name) < s.RECORD_OUTAGES_FIRST else 1]
