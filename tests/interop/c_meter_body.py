"""A whole meter around the program in C: its mains, the 12 V for its hub, and when it declares, goes and reports.

The program says the messages and keeps the counter; what a meter does between them is here, as wire SPEC 7 asks.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from host_tools.virtual.process import Pty

EXPECTED_S, VALID_S = 60, 600
LEAD_MS, GAP_MS, BOOT_MS = 1_500, 20_000, 1_500
DEFER_MS = 15 * 60_000
FAILED_MAX = 8
REPORTS_MAX = 3
LIMIT_S = 20.0  # real seconds for a program that was killed
DECLARE, GOING, OUT, COMPLETE, CANCEL = "pending", "going", "out", "complete", "cancel"


class CMeterBody:
    """A meter for host_tools.virtual.meter.MeterPorts. speed: how many times faster than real its waits are."""

    capabilities = frozenset({"activate", "cancel", "mains-cut", "supply-sense"})

    def __init__(self, program: Path, folder: Path, identity: dict[str, Any], speed: int) -> None:
        self._pty = Pty()
        self.ports = [self._pty.master]
        self.now_ms = 0
        self.edges: list[tuple[int, bool]] = []
        self.supply_good = True
        key, used = folder / "key", folder / "used"
        key.write_text(identity["keys"]["bench_esme"] + "\n")
        used.touch()
        durations = f"{EXPECTED_S:04X}{VALID_S:04X}"
        self._command = [program, "-f", str(speed), "-d", durations, self._pty.path, key, used]
        self._command += [identity["esme"], identity["hub"]]
        self._stage: str | None = None  # this, the failures and the reports outlive a power cut
        self._failed = self._reports = 0
        self._powered = True
        self._due_ms: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # ---- its line

    def write(self, link: str, octets: bytes) -> None:
        """Octets of the hub; while no program listens they are lost."""
        if self._process is not None and self._process.poll() is None:
            os.write(self._pty.master, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """What the program has said by then."""
        self.now_ms = max(self.now_ms, until_ms)
        ended = self._process is not None and self._process.poll() is not None  # first: then all it said is there
        try:
            octets = os.read(self._pty.master, 65_536)
        except BlockingIOError:
            octets = b""
        if ended:
            assert self._process is not None
            code, self._process = self._process.returncode, None
            self._told(code == 0)
        if self._due_ms is not None and self.now_ms >= self._due_ms:
            self._due_ms = None
            self._go_on()
        return [(0, octets)] if octets else []

    # ---- an activation

    def _plan(self, after_ms: int) -> None:
        self._due_ms = self.now_ms + after_ms

    def _say(self) -> None:
        self._pty.flush()
        told: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([*self._command, str(self._stage)], **told)

    def _told(self, acknowledged: bool) -> None:
        if self._stage == DECLARE:
            self._failed += 0 if acknowledged else 1
            if acknowledged or self._failed == FAILED_MAX:
                self._stage = GOING
                self._plan(LEAD_MS)
            else:
                self._plan(DEFER_MS)
            return
        self._reports += 1
        if acknowledged or self._reports == REPORTS_MAX:
            self._stage = None
        else:
            self._plan(DEFER_MS)

    def _go_on(self) -> None:
        if self._stage == GOING:
            self._stage = OUT
            self._supply(False)
            self._plan(GAP_MS)
        elif self._stage == OUT and not self.supply_good:
            self._supply(True)
            self._plan(BOOT_MS)
        else:
            self._stage = COMPLETE if self._stage == OUT else self._stage
            self._say()

    def _stop(self) -> None:
        self._due_ms = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=LIMIT_S)
            self._process = None

    def _supply(self, good: bool) -> None:
        if good != self.supply_good:
            self.supply_good = good
            self.edges.append((self.now_ms, good))

    # ---- its rig

    def activate(self, bad: bool = False) -> None:
        if self._powered and self._stage is None:
            self._stage, self._failed, self._reports = DECLARE, 0, 0
            self._say()

    def cancel(self) -> None:
        if self._powered and self._stage in (DECLARE, GOING):
            self._stop()
            self._stage = CANCEL
            self._say()

    def cut_power(self) -> None:
        self._stop()
        self._powered = False
        self._supply(False)

    def power_on(self) -> None:
        if self._powered:
            return
        self._powered = True
        self._supply(True)
        self._stage = DECLARE if self._stage == GOING else self._stage
        if self._stage is not None:
            self._plan(BOOT_MS)

    def close(self) -> None:
        self._stop()
        self._pty.close()
