"""The kinds of simulated meter by name: well-behaved ones, and one for each fault (more in meter_faults.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.sim.meter import CANCELLED, Habits, Meter
from host_tools.sim.meter_faults import DECLARING

_DAY_MS = 24 * 3_600_000


# ---- within SPEC 7


class Twice(Meter):
    """interrupts the supply twice in one activation, as the flag allows"""

    habits = Habits(gaps=((1_000, 20_000), (60_000, 200_000)))


class Brief(Meter):
    """is away for 20 s only"""

    habits = Habits(gaps=((3_000, 20_000),))


class Patient(Meter):
    """defers by 4 h each time, so that its day is over before its eighth declaration"""

    habits = Habits(defer_ms=4 * 3_600_000)


# ---- refusals


class NoFloor(Meter):
    """refused as COUNTER, takes its own next counter whatever the floor"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        super().refused(reason, {**fields, "floor": bytes(8)} if reason == s.REFUSED_COUNTER else fields, now_ms)


class Stubborn(Meter):
    """refused as COUNTER, tries again without an end"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        assert self.telling is not None
        if reason == s.REFUSED_COUNTER:
            self.telling.counters = self.telling.messages = 0
        super().refused(reason, fields, now_ms)


class NoSync(Meter):
    """refused as UNSYNCED, treats it as BUSY"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        super().refused(s.REFUSED_BUSY if reason == s.REFUSED_UNSYNCED else reason, fields, now_ms)


class OldNonce(Meter):
    """synchronises with a nonce of its own"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        super().refused(reason, {**fields, "nonce": b"my nonce"}, now_ms)


class GivesUpAtNonce(Meter):
    """counter_sync refused as NONCE, treats it as BUSY"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        super().refused(s.REFUSED_BUSY if reason == s.REFUSED_NONCE else reason, fields, now_ms)


class Pressing(Meter):
    """refused or unanswered, declares again after 2 min"""

    def defer(self, now_ms: int) -> None:
        fits = self.last_reason in (s.REFUSED_PEER, s.REFUSED_RANGE, s.REFUSED_COUNTER)
        self.plan(now_ms + (self.habits.defer_ms if fits else 120_000), self.declare)


class Insisting(Meter):
    """refused as PEER or RANGE, declares the same again after 2 min"""

    def defer(self, now_ms: int) -> None:
        fits = self.last_reason not in (s.REFUSED_PEER, s.REFUSED_RANGE)
        self.plan(now_ms + (self.habits.defer_ms if fits else 120_000), self.declare)


class HairTrigger(Meter):
    """goes undeclared after its third refusal"""

    habits = Habits(failed_max=3)


class Obedient(Meter):
    """never activates while the hub refuses"""

    habits = Habits(failed_max=1 << 30, patience_ms=1 << 40)


# ---- the interruption


class Late(Meter):
    """counts valid_s from the acknowledgement that it has heard, and goes in its last second"""

    habits = Habits(gaps=((599_000, 200_000),))


class TooLate(Meter):
    """goes when its declaration is over"""

    habits = Habits(gaps=((620_000, 200_000),))


class Overrunner(Meter):
    """is away for longer than it has declared"""

    habits = Habits(gaps=((1_000, 450_000),))


class SlowSecond(Meter):
    """interrupts the supply again 150 s after the first return"""

    habits = Habits(gaps=((1_000, 20_000), (150_000, 100_000)))


# ---- the end


class Mute(Meter):
    """reports nothing"""

    def report(self, now_ms: int) -> None:
        if self.nvm.job is not None and self.nvm.job.stage != CANCELLED:
            self.nvm.job = None
        else:
            super().report(now_ms)


class ReportsBriefly(Meter):
    """repeats its report for 20 s only"""

    def rhythm(self, name: str) -> tuple[int, int]:
        return (5_000, 5) if name == "activation_complete" else super().rhythm(name)


class SilentCancel(Meter):
    """gives up without a word"""

    def cancel(self, now_ms: int) -> None:
        self.telling = self.exchange = self.nvm.job = None
        self.plan(now_ms, lambda ms: None)


class Deceiver(Meter):
    """reports each activation as a success"""

    def outcome(self) -> dict[str, Any]:
        return {**super().outcome(), "result": s.RESULT_SUCCESS}


class Premature(Meter):
    """reports before it goes"""

    def go(self, now_ms: int) -> None:
        self.tell(now_ms, "activation_complete", self.outcome(), lambda ms, done: super(Premature, self).go(ms))


class ShyOfBlame(Meter):
    """does not report what it has not declared"""

    def report(self, now_ms: int) -> None:
        if self.nvm.job is not None and self.nvm.job.failed >= self.habits.failed_max:
            self.nvm.job = None
        else:
            super().report(now_ms)


# ---- the line


class Chatty(Meter):
    """synchronises unasked"""

    def on_flag_refusal(self, fields: dict[str, Any], now_ms: int) -> None:
        if self.exchange is None and fields["reason"] == s.REFUSED_UNSYNCED:
            self.tell(now_ms, "counter_sync", {"nonce": fields["nonce"]}, lambda ms, done: None)
        else:
            super().on_flag_refusal(fields, now_ms)


class Startled(Meter):
    """hangs at an acknowledgement that nothing waits for"""

    def on_flag_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        self.deaf = self.deaf or (self.exchange is None and self.nvm.job is not None)
        if self.deaf:
            self.plan(now_ms + _DAY_MS, self.finish)
        super().on_flag_ack(fields, now_ms)


class Bare(Meter):
    """escapes nothing but flag and escape"""

    def framed(self, content: bytes) -> bytes:
        octets = super().framed(content)
        for value in range(0x20):
            octets = octets.replace(bytes((0x7D, value ^ 0x20)), bytes((value,)))
        return octets


class Wedged(Meter):
    """hears nothing more once a frame was bad"""

    def receiver(self) -> frames.Deframer:
        return _Wedging()


class _Wedging(frames.Deframer):
    def feed(self, octets: bytes) -> list[bytes]:
        contents = super().feed(octets)
        return [] if self.drops() else contents


class DeafToGbcs(Meter):
    """does not act on a relayed CS06"""

    def on_gbcs_to_esme(self, fields: dict[str, Any], now_ms: int) -> None:
        return


class Credulous(Meter):
    """takes any GBCS message for a CS06"""

    def on_gbcs_to_esme(self, fields: dict[str, Any], now_ms: int) -> None:
        super().on_gbcs_to_esme(fields, now_ms)
        self.activate(now_ms)


GOOD: dict[str, Callable[..., Meter]] = {"good": Meter, "twice": Twice, "brief": Brief, "patient": Patient}
FAULTY: dict[str, Callable[..., Meter]] = {
    **DECLARING,
    "no-floor": NoFloor,
    "stubborn": Stubborn,
    "no-sync": NoSync,
    "old-nonce": OldNonce,
    "gives-up-at-nonce": GivesUpAtNonce,
    "pressing": Pressing,
    "insisting": Insisting,
    "hair-trigger": HairTrigger,
    "obedient": Obedient,
    "late": Late,
    "too-late": TooLate,
    "overrunner": Overrunner,
    "slow-second": SlowSecond,
    "mute": Mute,
    "reports-briefly": ReportsBriefly,
    "silent-cancel": SilentCancel,
    "deceiver": Deceiver,
    "premature": Premature,
    "shy": ShyOfBlame,
    "chatty": Chatty,
    "startled": Startled,
    "bare": Bare,
    "wedged": Wedged,
    "deaf-to-gbcs": DeafToGbcs,
    "credulous": Credulous,
}
KINDS = {**GOOD, **FAULTY}
