"""A simulated meter, whole: it activates firmware as wire SPEC 7 asks, and keeps what it must over its power cuts.

host_tools/sim/esme.py says one thing at a tester's word; this one acts by itself, and its habits can be broken one by
one (meter_faults.py). Times are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chf.wire import gbcs
from chf.wire import schema as s
from host_tools.sim.meter_talk import Talker

IMAGE = bytes(range(32))
BOOT_MS = 1_500
RESULT_FAILED = 3
REPORTS_MAX = 3  # rounds of a report that the hub does not take

WANTED, GOING, RUNNING, FINISHED, CANCELLED = "wanted", "going", "running", "finished", "cancelled"


@dataclass
class Job:
    """An activation, as the meter keeps it. failed: declarations that were not acknowledged. first_ms: of the first."""

    image: bytes
    bad: bool  # the image will not run
    stage: str = WANTED
    failed: int = 0
    first_ms: int | None = None
    reports: int = 0


@dataclass
class Nvm:
    """What a meter has after a power cut. counter: the last that it may have used."""

    counter: int = 0
    version: int = 1
    job: Job | None = None


@dataclass(frozen=True)
class Habits:
    """What a maker chooses within SPEC 7. gaps: (wait, length) of each interruption of an activation."""

    expected_outage_s: int = 400
    valid_s: int = 600
    defer_ms: int = 15 * 60_000
    failed_max: int = 8
    patience_ms: int = 24 * 3_600_000
    gaps: tuple[tuple[int, int], ...] = ((1_000, 200_000),)


class Meter(Talker):
    """The meter while it has power. nvm outlives it; `supply` is called with (good, now_ms) for the 12 V to the hub."""

    habits = Habits()

    def __init__(self, esme: bytes, hub: bytes, key: bytes, nvm: Nvm, marked: bool = True) -> None:
        super().__init__(esme, hub, key, marked)
        self.nvm = nvm
        self.supply: Callable[[bool, int], None] = lambda good, now_ms: None
        self._plan: object = None  # what is planned under another plan is void

    # ---- what makes it act

    def activate(self, now_ms: int, image: bytes = IMAGE, bad: bool = False) -> None:
        """Begin an activation, unless one is going on."""
        if self.nvm.job is None:
            self.nvm.job = Job(image, bad)
            self.declare(now_ms)

    def cancel(self, now_ms: int) -> None:
        """Give the activation up, where it is not too late."""
        job = self.nvm.job
        if job is not None and job.stage in (WANTED, GOING):
            job.stage = CANCELLED
            self._plan = None
            self.report(now_ms)

    def boot(self, now_ms: int) -> None:
        """Power is back: go on with what is durable."""
        job = self.nvm.job
        if job is None:
            return
        if job.stage == RUNNING:
            self.plan(now_ms + BOOT_MS, self.finish)
        elif job.stage in (FINISHED, CANCELLED):
            self.plan(now_ms + BOOT_MS, self.report)
        else:
            self.plan(now_ms + BOOT_MS, self.resume)

    def on_gbcs_to_esme(self, fields: dict[str, Any], now_ms: int) -> None:
        """A relayed CS06 for this meter. One for a later time is left alone: this meter has no clock."""
        said = gbcs.read(fields["gbcs"])
        if said is None or said[3] != self.esme:
            return
        if said[0] == gbcs.ACTIVATE and said[5] == s.NO_UTC:
            self.activate(now_ms, said[4])
        elif said[0] == gbcs.CANCEL:
            self.cancel(now_ms)

    # ---- the activation

    def plan(self, ms: int, action: Callable[[int], None]) -> None:
        """The one thing that comes next."""
        plan = self._plan = object()
        self.at(ms, lambda now_ms: action(now_ms) if self._plan is plan else None)

    def resume(self, now_ms: int) -> None:
        """After a power cut the hub's flag may be over: declare anew."""
        self.declare(now_ms)

    def declare(self, now_ms: int) -> None:
        job = self._job()
        job.stage = WANTED
        job.first_ms = now_ms if job.first_ms is None else job.first_ms
        self.tell(now_ms, "activation_pending", self.declaration(), self.declared)

    def declaration(self) -> dict[str, Any]:
        habits = self.habits
        return {
            "image_hash": self._job().image,
            "expected_outage_s": habits.expected_outage_s,
            "valid_s": habits.valid_s,
        }

    def declared(self, now_ms: int, acknowledged: bool) -> None:
        if acknowledged:
            self.go(now_ms)
            return
        job = self._job()
        job.failed += 1
        assert job.first_ms is not None
        if job.failed >= self.habits.failed_max or now_ms - job.first_ms >= self.habits.patience_ms:
            self.go(now_ms)
        else:
            self.defer(now_ms)

    def defer(self, now_ms: int) -> None:
        self.plan(now_ms + self.habits.defer_ms, self.declare)

    def go(self, now_ms: int) -> None:
        """Nothing is in the way any more."""
        self._job().stage = GOING
        self._next_gap(now_ms, 0)

    def _next_gap(self, now_ms: int, index: int) -> None:
        self.plan(now_ms + self.habits.gaps[index][0], lambda ms: self._interrupt(ms, index))

    def _interrupt(self, now_ms: int, index: int) -> None:
        self._job().stage = RUNNING
        self.deaf = True
        self.supply(False, now_ms)
        self.plan(now_ms + self.habits.gaps[index][1], lambda ms: self._back(ms, index))

    def _back(self, now_ms: int, index: int) -> None:
        self.deaf = False
        self.supply(True, now_ms)
        if index + 1 < len(self.habits.gaps):
            self._next_gap(now_ms, index + 1)
        else:
            self.plan(now_ms + BOOT_MS, self.finish)

    def finish(self, now_ms: int) -> None:
        """It runs again, with the new image or the old."""
        job = self._job()
        job.stage = FINISHED
        self.nvm.version += 0 if job.bad else 1
        self.report(now_ms)

    def report(self, now_ms: int) -> None:
        """Tell the hub how the activation has ended."""
        job = self._job()
        if job.stage == CANCELLED:
            self.tell(now_ms, "activation_cancel", {}, self.reported)
        else:
            self.tell(now_ms, "activation_complete", self.outcome(), self.reported)

    def outcome(self) -> dict[str, Any]:
        result = RESULT_FAILED if self._job().bad else s.RESULT_SUCCESS
        return {"image_hash": self._job().image, "result": result, "version": self.nvm.version}

    def reported(self, now_ms: int, acknowledged: bool) -> None:
        job = self._job()
        job.reports += 1
        if acknowledged or job.reports == REPORTS_MAX:
            self.nvm.job = None
        else:
            self.plan(now_ms + self.habits.defer_ms, self.report)

    def _job(self) -> Job:
        assert self.nvm.job is not None
        return self.nvm.job

    # ---- its counter

    def next_counter(self) -> bytes:
        """One that was never used, and is durable before it is."""
        self.counter = self.nvm.counter
        octets = super().next_counter()
        self.nvm.counter = self.counter
        return octets

    def raise_counter(self, floor: int) -> None:
        """The next counter is above that."""
        self.nvm.counter = max(self.nvm.counter, floor)
