"""Judges a run by the invariants of DESIGN.md from three things alone: the supply's history, what became durable, what
was sent (OracleIndependence). It never looks into the supervisor, and it has its own arithmetic.
"""

from chf.wire import schema as s
from tests.core.claims import ENERGY, Claims

THRESHOLD_MS = 180_000
QUALIFY_MS = 2_000
DEADLINE_MS = 1_000
DOUBT_MS = 125_000  # after a boot: up to 60 s for a time that proves, twice where supply blinks, and what belongs to it
INFERRED_WINDOW_S = 600
DAY_MS = 86_400_000
TAGGING = (s.LEVEL_ASKED, s.LEVEL_HELD, s.LEVEL_TAGGED)


class Outage:
    """A true outage, of the rail, not of the hub: start and end in ms; end None while supply is not back for good."""

    def __init__(self, start):
        self.start = start
        self.end = None

    def length(self, now):
        return (now if self.end is None else min(now, self.end)) - self.start


class Oracle(Claims):
    """Give it a World when its run is over; check() raises AssertionError with the invariant's name."""

    def __init__(self, world):
        self.log = world.hub.log
        self.heard = world.heard
        self.supply = world.supply
        self.end = world.now
        self.energy = {**ENERGY, **{key: world.options[key] for key in ENERGY if key in world.options}}
        self.boots = [entry for entry in self.log if entry.kind == "boot"]
        self.life = [entry for entry in self.log if entry.kind in ("boot", "dead")]
        self.outages = self._true_outages()
        self.store_failed = any(entry.kind == "failed" for entry in self.log)
        self.damaged = any(entry.values["damage"] for entry in self.boots)
        self.decisions = [e for e in self.log if e.kind in ("journal", "failed") and e.name == "decision"]

    def check(self, settled=False):
        """`settled`: the run ended with supply, WAN, time and store good for an hour."""
        self.no_false_outage()
        self.alert_deadline()
        self.one_effect()
        self.one_shot()
        self.flag_was_valid()
        self.bounded_mute()
        self.monotonic_counters()
        self.durable_before_claim()
        self.energy_budget()
        if settled:
            self.no_lost_outage()
            self.silence_is_closed()

    # ---- the supply's history

    def _true_outages(self):
        outages = []
        returned = None
        for at, good in [*self.supply[1:], (self.end, None)]:
            if returned is not None and self._seen(returned, at) >= QUALIFY_MS:
                outages[-1].end = returned
            if good is None:
                break
            if good:
                returned = at
            else:
                if not outages or outages[-1].end is not None:
                    outages.append(Outage(at))
                returned = None
        return outages

    def _seen(self, start, end):
        """The longest that a hub has lived on end between the two: what it can vouch for of a return."""
        longest = 0
        alive_from = None
        for entry in self.life:
            if entry.time > end:
                break
            if entry.kind == "boot":
                alive_from = entry.time
            elif alive_from is not None:
                longest = max(longest, entry.time - max(start, alive_from))
                alive_from = None
        return longest if alive_from is None else max(longest, end - max(start, alive_from))

    def outage_at(self, time):
        """The last true outage that had begun before `time`."""
        begun = [outage for outage in self.outages if outage.start < time]
        return begun[-1] if begun else None

    def booted(self, start, end):
        return [boot for boot in self.boots if start <= boot.time <= end]

    def firsts(self):
        """The first time that each outage id was told of or decided."""
        first = {}
        for entry in self.log:
            told = entry.name in ("decision", "ad1", "hold_notice") and entry.kind in ("journal", "failed", "send")
            if told and entry.values["id"] not in first:
                first[entry.values["id"]] = entry
        return first

    # ---- the invariants

    def no_lost_outage(self):
        firsts = self.firsts()
        ends = {e.values["id"]: e.time for e in reversed(self.log) if e.name == "end" and e.kind == "journal"}
        for outage in self.outages:
            if outage.length(self.end) < THRESHOLD_MS:
                continue
            if self.store_failed and self.booted(outage.start, outage.end or self.end):
                continue  # nothing of it need be durable, and the hub that saw it begin is gone
            until = self._chance(outage)
            # Its own alert; or one still open, where a restart has made the hub take two outages for one.
            told = [
                outage_id
                for outage_id, entry in firsts.items()
                if outage.start <= entry.time <= until or entry.time < outage.start < ends.get(outage_id, self.end)
            ]
            assert told, f"NoLostOutage: nothing tells of the outage at {outage.start}"
        heard = {}
        for entry in self.heard:
            if entry.name == "ad1":
                values = entry.values
                heard[values["id"]] = max(heard.get(values["id"], 0), values["revision"])
        absorbed = {e.values["id"] for e in self.log if e.name == "absorbed"}
        told = [e for e in self.log if (e.kind, e.name) in (("journal", "decision"), ("send", "ad1"))]
        last = {entry.values["id"]: entry.values for entry in told}
        for outage_id, values in last.items():
            traced = not self.store_failed or outage_id in ends
            if outage_id not in absorbed and values["level"] >= s.LEVEL_TAGGED and traced:
                got = heard.get(outage_id, 0)
                assert got == values["revision"], f"NoLostOutage: {outage_id.hex()} revision {got} of {values}"
        repeats = [e for e in self.log if e.kind == "send" and e.name in ("ad1", "restored")]
        late = [entry.time for entry in repeats if entry.time > self.end - 1_200_000]
        assert not late, "NoLostOutage: something is never done, though all is acknowledged"

    def _chance(self, outage):
        """Until when the hub may take to tell of it: 125 s of life without a restart after its end."""
        at = outage.end if outage.end is not None else outage.start
        for boot in self.booted(at, self.end):
            if boot.time - at < DOUBT_MS:
                at = boot.time
        return at + DOUBT_MS

    def no_false_outage(self):
        for entry in self.firsts().values():
            outage = self.outage_at(entry.time)
            if outage is not None and outage.length(entry.time) >= THRESHOLD_MS:
                continue
            # To a hub that starts within 2 s before a loss, that may be the one before.
            since = entry.time - DOUBT_MS if outage is None else outage.start - QUALIFY_MS
            doubt = self.booted(since, entry.time) or [
                boot
                for boot in self.booted(entry.time - DOUBT_MS, entry.time)
                if boot.name == "power-on" or boot.values["damage"]
            ]
            assert doubt, f"NoFalseOutage: {entry.text()} at {entry.time}, outage at {outage and outage.start}"

    def alert_deadline(self):
        for outage in self.outages:
            due = outage.start + THRESHOLD_MS
            if outage.length(self.end) < THRESHOLD_MS or self._interrupted(outage.start, due + DEADLINE_MS):
                continue
            edges = [(at, good) for at, good in self.supply if outage.start <= at <= due]
            if edges[-1][1] and edges[-1][0] < due:  # an unqualified return: the answer comes when supply goes again
                lost = [at for at, good in self.supply if at > due and not good]
                due = lost[0]
            if due + DEADLINE_MS > self.end or self._interrupted(outage.start, due + DEADLINE_MS):
                continue
            sends = [e.time for e in self.log if e.kind == "send" and e.name in ("ad1", "hold_notice")]
            told = [e.time for e in self.firsts().values() if outage.start <= e.time <= due + DEADLINE_MS]
            assert told and any(due <= at <= due + DEADLINE_MS for at in sends), f"AlertDeadline: {outage.start}"

    def _interrupted(self, start, end):
        """Was the hub dead or restarted then? A loss within a doubtful boot is not its own outage to the hub."""
        life = [entry for entry in self.life if entry.time <= end]
        return not life or life[-1].kind == "dead" or life[-1].time > start - DOUBT_MS

    def one_effect(self):
        bodies = {}
        levels = {}
        for entry in self.log:
            if entry.name not in ("ad1", "decision") or entry.kind == "dead":
                continue
            values = entry.values
            key = (values["id"], values["revision"])
            same = bodies.setdefault(key, values) == values or self.store_failed  # an alert may leave no trace then
            assert same, f"AtMostOneEffect: {key} says two things"
            level, cause = values["level"], values["cause"]
            if entry.name == "decision":
                last = levels.get(values["id"])
                if last is not None and key[1] != last[0]:
                    rises = level > last[1] or cause == s.CAUSE_MERGED
                    assert key[1] > last[0] and rises, f"AtMostOneEffect: {key} does not rise"
                levels[values["id"]] = (key[1], level)

    def _epochs(self):
        """The log with the number of meters' keys so far: counters of different keys do not compare."""
        meter = 0
        for entry in self.log:
            if entry.kind == "journal" and (entry.name == "esme" or (entry.name == "key" and not entry.values["peer"])):
                meter += 1
            yield meter, entry

    def one_shot(self):
        if self.store_failed:
            return  # that a flag was used may not be durable then
        used = {}
        for meter, entry in self._epochs():
            if entry.kind == "journal" and entry.name == "decision" and entry.values["level"] in TAGGING:
                values = entry.values
                flag = (meter, values["source"], values["flag_counter"])
                assert used.setdefault(flag, values["id"]) == values["id"], f"OneShot: {values}"

    def flag_was_valid(self):
        flags = {}
        ended = set()
        shortened = {}  # flag: until when its loss must begin
        for meter, entry in self._epochs():
            values = entry.values
            if entry.kind == "boot" and entry.values["damage"] & 1:
                flags.clear()
            elif entry.kind == "journal" and entry.name == "flag":
                flags[(meter, s.SOURCE_DECLARED, values["counter"])] = entry
            elif entry.kind == "journal" and entry.name == "inferred" and not values["due"]:
                flags[(meter, s.SOURCE_INFERRED, values["gbcs"])] = entry
            elif entry.kind == "journal" and entry.name == "uninferred":
                ended.update(key for key in flags if key[1] == s.SOURCE_INFERRED)
            elif entry.kind == "journal" and entry.name == "clear" and values["state"] in (3, 5):
                ended.update(flags)
            elif entry.kind == "journal" and entry.name == "life":
                shortened = {**dict.fromkeys(flags, entry.time + values["left_s"] * 1000), **shortened}
            elif entry.name == "decision" and entry.kind == "journal" and values["level"] in TAGGING:
                key = (meter, values["source"], values["flag_counter"])
                flag = flags.get(key)
                assert flag is not None, f"FailOpen: {values} names a flag that is not durable"
                outage = self.outage_at(entry.time)
                until = min(flag.time + flag.values["valid_s"] * 1000, shortened.get(key, self.end))
                losses = [at for at in self._losses(outage, entry.time) if flag.time <= at < until]
                assert losses, f"FailOpen: {values}: no loss began while the flag of {flag.time} was valid"
                assert key not in ended or outage.end is not None, f"FailOpen: {values}: the flag was withdrawn"
                lasted = min(entry.time, outage.end or entry.time) - losses[0]
                window_s = flag.values.get("expected_outage_s", INFERRED_WINDOW_S)
                assert lasted < window_s * 1000, f"FailOpen: {values}: the window was over"

    def _losses(self, outage, until):
        """When a hub can have seen it begin: at its start, or first after a boot in a return that did not last."""
        lost = [at for at, good in self.supply if not good and outage.start < at < until]
        boots = [boot.time for boot in self.booted(outage.start, until) if boot.bits & s.SENSE_SUPPLY]
        return [outage.start, *(min(at for at in lost if at >= boot) for boot in boots if lost and lost[-1] >= boot)]

    def bounded_mute(self):
        last = None
        for entry in self.decisions:
            if entry.values["level"] == s.LEVEL_HELD:
                assert last is None or entry.time - last >= DAY_MS, f"BoundedMute: {last}, {entry.time}"
                last = entry.time

    def silence_is_closed(self):
        """A hold starts and ends with a message: no HELD outage whose end the head-end has not heard of."""
        closed = {e.values["id"] for e in self.heard if e.name in ("restored", "ad1")}
        absorbed = {e.values["id"] for e in self.log if e.name == "absorbed"}
        asked = {e.values["id"] for e in self.log if e.name == "hold_notice"}
        assert not asked - closed - absorbed, "DurableBeforeClaim: a silence that never ends"
