"""The self-test of one strapped hub over one cable: identity, a journal that is cut again and again, AD1 at 180 s."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chf.core.limits import AD1_THRESHOLD_MS, BEFORE_BOOT_MS
from chf.core.states import POWERED
from chf.wire import schema as s
from host_tools import frames
from host_tools.errors import BenchError
from host_tools.link.client import Client
from host_tools.names import names_of
from host_tools.sim.headend import UTC_START
from host_tools.testbed import Testbed

QUICK_S = 20.0  # real seconds for the resets of a quick run
BITE_MS = 8_000  # the boards' watchdogs
BURST_BEFORE_MS = 100  # records are being written from so long before the bite ...
BURST_AFTER_MS = 400  # ... until it stops answering, or so long after
BURST_STEP_MS = 7  # between two records; not a divisor of anything
SILENT = 20  # records without an answer: it has restarted, or its flash erases a block, and then it goes on
RECORDS = 4  # written right before a clean restart
START_MS = 300  # a question that comes sooner is lost, and waited for
UP_MS = 30_000  # for a hub that restarts: its port comes back, and maintenance waits for 2 s
ROUND_TRIPS = 20
ROUND_TRIP_MOST_MS = 250
QUIET_MS = 120_000
BEFORE_SKIP_MS = 7_000  # the loss is durable at 5 s
SKIP_MS = 5_000
AD1_MS = 15_000
Heard = Callable[["Check"], None]


@dataclass(frozen=True)
class Check:
    """One line of the verdict. seconds: real."""

    name: str
    ok: bool
    said: str
    seconds: float


@dataclass
class SelfTest:
    """Run it once: run() gives the checks as they end. resets: how many; watchdogs: how many of them by the watchdog.

    within_s: real seconds after which no further clean restart is begun; None: all are made.
    """

    bed: Testbed
    resets: int
    watchdogs: int
    within_s: float | None = QUICK_S
    heard: Heard = lambda check: None
    checks: list[Check] = field(default_factory=list)
    identity: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._speed = max(1, getattr(self.bed.bench.line, "speed", 1))
        self._client = Client(self.bed.bench, self._speed)
        self._skipped_ms = 0

    def run(self) -> list[Check]:
        """All checks; one that cannot be made ends the rest. The hub is restarted at the end: its clock is its own."""
        try:
            for name, check in (
                ("identity", self._identity),
                ("cable", self._cable),
                ("journal", self._journal),
                ("alert", self._alert),
            ):
                if not self._judge(name, check):
                    break
        finally:
            if self._skipped_ms:
                self._judge("clock", self._clock)
        return self.checks

    def _judge(self, name: str, check: Callable[[], str]) -> bool:
        start = time.monotonic()
        try:
            said, ok = check(), True
        except BenchError as error:
            said, ok = str(error), False
        self.checks.append(Check(name, ok, said, time.monotonic() - start))
        self.heard(self.checks[-1])
        return ok

    # ---- who and how

    def _identity(self) -> str:
        self.identity = self._client.identify()
        text = self.identity["text"].decode("utf-8", "replace")
        parts = text.split("; ")
        if len(parts) > 3:
            raise BenchError(f"The hub says of itself: {'; '.join(parts[3:])}.")
        damaged = self._client.state()["damaged"]
        if damaged:
            raise BenchError(f"The hub's journal is damaged or cannot be written (damaged={damaged}): flash it anew.")
        return f"{ascii(text)[1:-1]}; hub {self.identity['hub'].hex()}, strapped, provisioned, its journal whole"

    def _cable(self) -> str:
        before = self._dropped()
        trips = []
        for _ in range(ROUND_TRIPS):
            start = self.bed.now_ms
            self._client.identify()
            trips.append((self.bed.now_ms - start) / self._speed)
        median = sorted(trips)[ROUND_TRIPS // 2]
        lost = self._dropped() - before
        if lost or median > ROUND_TRIP_MOST_MS:
            raise BenchError(f"{lost} frames were dropped, and an answer takes {median:.0f} ms: try another cable.")
        return f"{ROUND_TRIPS} questions answered at once, none dropped, {median:.0f} ms each"

    def _dropped(self) -> int:
        drops = self._client.state()["drops"]
        return sum(int.from_bytes(drops[at : at + 2], "big") for at in range(0, len(drops), 2))

    # ---- the journal

    def _journal(self) -> str:
        bed = self.bed
        bed.esme.cancel(bed.now_ms)  # a refusal tells the meter the hub's counter
        bed.bench.wait_for("answer to the meter: are these its keys?", lambda: bed.esme.outstanding is None, 10_000)
        if not bed.esme.acked:
            raise BenchError("The hub does not take the meter's messages: give its own keys with --keys.")
        start = time.monotonic()
        acked = int.from_bytes(bed.esme.acked[-1][1]["counter"], "big")
        boot = self._client.identify()["boot"]
        bitten = done = 0
        while done < self.resets:
            by_watchdog = bitten < self.watchdogs
            late = self.within_s is not None and time.monotonic() - start > self.within_s
            if done and late and not by_watchdog:
                break
            acked = max(acked, self._cut(by_watchdog))
            boot = self._verify(boot, acked)
            bitten += by_watchdog
            done += 1
        clean = f" and {_times(done - bitten)} by a clean restart right after a write" if done > bitten else ""
        left = f"; {self.resets - done} more with --full" if done < self.resets else ""
        return (
            f"cut {_times(bitten)} by the watchdog while records were written{clean}: every acknowledged one was there "
            f"after it, and nothing damaged{left}"
        )

    def _cut(self, by_watchdog: bool) -> int:
        """Write records and restart in the middle; the highest counter that the hub has acknowledged."""
        bed = self.bed
        since = len(bed.bench.capture)
        if by_watchdog:
            self._client.restart(watchdog=True)
            bed.bench.advance(BITE_MS - BURST_BEFORE_MS)
            end = bed.now_ms + BURST_BEFORE_MS + BURST_AFTER_MS
            while bed.now_ms < end and not self._silent(since):
                self._write()
                bed.bench.advance(BURST_STEP_MS)
        else:
            for _ in range(RECORDS):
                self._write()
            self._client.restart()
        found = 0
        for captured in bed.bench.capture[since:]:
            if not captured.to_hub and captured.content[2] == _FLAG_ACK:
                found = max(found, int.from_bytes(captured.frame.fields["counter"], "big"))
        return found

    def _silent(self, since: int) -> bool:
        """Whether the hub has stopped answering: many records sent since its last acknowledgement."""
        unanswered = 0
        for captured in reversed(self.bed.bench.capture[since:]):
            if captured.content[2] == _FLAG_ACK:
                break
            unanswered += captured.to_hub
        return unanswered > SILENT

    def _write(self, counter: int | None = None) -> None:
        """One record of the counter journal: a cancellation that revokes nothing."""
        esme = self.bed.esme
        octets = esme.next_counter() if counter is None else counter.to_bytes(8, "big")
        esme.send("activation_cancel", {"esme": esme.esme, "hub": esme.hub, "counter": octets})

    def _verify(self, boot: int, acked: int) -> int:
        """The hub has restarted, and what it had acknowledged still counts. Returns the number of its new boot."""
        boot = self._booted(boot, "The hub did not restart: is its watchdog running?")
        damaged = self._client.state()["damaged"]
        if damaged:
            raise BenchError(f"After a restart the hub's journal is damaged (damaged={damaged}).")
        since = len(self.bed.bench.capture)
        self._write(acked - 1)
        self.bed.bench.wait_for("answer to the meter", lambda: self._refusal(since) is not None, 5_000)
        refusal = self._refusal(since)
        assert refusal is not None
        floor = int.from_bytes(refusal["floor"], "big")
        if refusal["reason"] != s.REFUSED_COUNTER or floor < acked:
            raise BenchError(f"The hub acknowledged counter {acked}, and after a restart its floor is {floor}.")
        return boot

    def _booted(self, before: int, else_said: str) -> int:
        """The number of the hub's new boot, once it has restarted. before: the last one's."""
        end = self.bed.now_ms + UP_MS * self._speed
        self.bed.bench.advance(START_MS)
        while self.bed.now_ms < end:
            with contextlib.suppress(BenchError):
                boot = int(self._client.identify()["boot"])
                if boot != before:
                    return boot
            self.bed.bench.advance(100)
        raise BenchError(else_said)

    def _refusal(self, since: int) -> dict[str, Any] | None:
        for captured in self.bed.bench.capture[since:]:
            if not captured.to_hub and captured.content[2] == _FLAG_REFUSAL:
                return captured.frame.fields
        return None

    # ---- the alert

    def _alert(self) -> str:
        bed = self.bed
        end = bed.now_ms + QUIET_MS
        while not self._quiet():
            if bed.now_ms > end:
                raise BenchError(f"The hub is not quiet after {QUIET_MS // 1000} s: run chtool state.")
            bed.bench.advance(500)
        # Of a loss that begins soon after a restart the hub takes it that it may have begun before.
        for _ in range(0, 2 * BEFORE_BOOT_MS, SKIP_MS):
            self._skip()
        bed.headend.alerts.clear()
        bed.headend.restorations.clear()
        bed.lose_supply(BEFORE_SKIP_MS / 1000)
        last, outage_from_ms = 0, self._skipped_ms
        while AD1_THRESHOLD_MS // 1000 - (last := self._elapsed()) > SKIP_MS // 1000 + 1:
            self._skip()
        if bed.headend.alerts:
            raise BenchError(f"AD1 came before {last} s of outage: the threshold is {AD1_THRESHOLD_MS // 1000} s.")
        bed.bench.wait_for("AD1", lambda: bool(bed.headend.alerts), AD1_MS)
        alert = bed.headend.alerts[0]
        if alert.fields["elapsed_s"] != AD1_THRESHOLD_MS // 1000 or alert.level != s.LEVEL_PLAIN:
            level = names_of("ad1", "level").get(alert.level, str(alert.level))
            raise BenchError(f"AD1 came after {alert.fields['elapsed_s']} s of outage, {level}, not plain at 180 s.")
        bed.restore_supply(1)
        bed.bench.wait_for("'restored' after the outage", lambda: bool(bed.headend.restorations), 30_000)
        return (
            f"none before {last} s, AD1 at {alert.fields['elapsed_s']} s, authentic, acknowledged; restored told; "
            f"{(self._skipped_ms - outage_from_ms) // 1000} s of the outage were skipped on the hub's clock"
        )

    def _skip(self) -> None:
        self._client.ask("time_skip", {"ms": SKIP_MS}, "bench_ack")
        self._skipped_ms += SKIP_MS
        skipped_ms = self._skipped_ms
        self.bed.headend.clock = lambda ms: UTC_START + (ms + skipped_ms) // 1000  # it goes with the hub's
        self.bed.bench.advance(20)

    def _quiet(self) -> bool:
        state = self._client.state()
        return bool(state["phase"] == POWERED and not state["queued"])

    def _elapsed(self) -> int:
        state = self._client.state()
        if state["phase"] == POWERED:
            raise BenchError("The hub does not count an outage although its soft rig says that supply is out.")
        return int(state["elapsed_s"])

    def _clock(self) -> str:
        boot = self._client.identify()["boot"]
        self._client.restart()
        self._booted(boot, "The hub did not come back after its last restart: press RESET.")
        return "the hub was restarted: its clock is its own again"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


_FLAG_ACK = next(number for number, row in frames.MESSAGES.items() if row[0] == "flag_ack")
_FLAG_REFUSAL = next(number for number, row in frames.MESSAGES.items() if row[0] == "flag_refusal")
