"""Triage of a million alerts: how long it takes and how much memory, in a process of its own as chtool starts it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tools.benchmarks.figure import Figure
from host_tools.dno import events
from host_tools.errors import BenchError

NAMES = ("triage-time", "triage-memory")
TIME_BAR_S = 30
MEMORY_BAR_MIB = 1024
ALERTS = 1_000_000
ALERTS_QUICK = 20_000
SEED = 3
DEADLINE_S = 240
DAYS = 7
STORM_SHARE = 0.3  # of the outages: in a few hours of one day, so that there are mass windows
_STORM_AT_S, _STORM_S = 3 * 86_400 + 64_800, 10_800
_START = "2026-06-%02dT%02d:%02d:%02dZ"
# Cause, level, source, window and share of the outages.
_KINDS = (
    ("supply-loss", "plain", "none", 0, 60),
    ("firmware-activation", "tagged", "inferred", 300, 20),
    ("firmware-activation", "tagged", "declared", 300, 10),
    ("mains-hinted", "plain", "none", 0, 4),
    ("activation-overrun", "plain", "declared", 300, 3),
    ("unknown-duration", "plain", "none", 0, 2),
    ("merged", "plain", "none", 0, 1),
)
_AD1 = (
    '{"event": "ad1", "at": "%s", "hub": "%016x", "id": "%024x", "revision": %d, "raised_by": "hub", "level": "%s", '
    '"cause": "%s", "source": "%s", "policy": "tag", "row": "no-flag", "loss": "%s", "elapsed_s": 180, "window_s": %d, '
    '"flag_counter": "0000000000000000", "loss_bits": ["ac-lo"], "loss_holdup_mv": 5100, '
    '"bits": [], "holdup_mv": 3900, "merged": 0}\n'
)
_ECS80 = (
    '{"event": "ecs80", "at": "%s", "hub": "%016x", "meter": "%016x", "code": "8F36", "start": "%s", "end": "%s"}\n'
)
_RESTORED = (
    '{"event": "restored", "at": "%s", "hub": "%016x", "id": "%024x", "revision": 1, "level": "%s", '
    '"duration_s": %d, "end": "%s", "bits": ["supply"], "holdup_mv": 5000}\n'
)
_HUB, _METER = 0x00DB_1234_0000_0000, 0x0088_7384_0000_0000


def lines(alerts: int, seed: int = SEED) -> Iterator[str]:
    """So many AD1 lines of a week, and the restorations of nine outages in ten; of each 50 alerts one is a repeat.

    Every outage has a hub of its own; a tagged one has the hub's own restoration, any other one the meter's.
    """
    rng = random.Random(seed)
    yield json.dumps(events.header()) + "\n"
    kinds = [kind[:4] for kind in _KINDS for _ in range(kind[4])]
    written = outage = 0
    while written < alerts:
        outage += 1
        share, fraction, kind = rng.random(), rng.random(), kinds[rng.randrange(len(kinds))]
        storm = share < STORM_SHARE
        loss_s = int(_STORM_AT_S + fraction * _STORM_S if storm else fraction * DAYS * 86_400)
        lasts_s = 185 + int(share * 100) if kind[1] == "tagged" else 200 + int(fraction * 7_000)
        hub, outage_id = _HUB + outage, rng.getrandbits(96)
        cause, level, source, window_s = kind
        values = (_text(loss_s + 181), hub, outage_id, 1, level, cause, source, _text(loss_s), window_s)
        yield _AD1 % values
        written += 1
        if outage % 50 == 0 and written < alerts:
            yield _AD1 % values
            written += 1
        if share * 100 % 1 < 0.9:
            end = _text(loss_s + lasts_s)
            told = _text(loss_s + lasts_s + 20)
            if level == "tagged":
                yield _RESTORED % (told, hub, outage_id, level, lasts_s, end)
            else:
                yield _ECS80 % (told, hub, _METER + outage, _text(loss_s), end)


def _text(at_s: int) -> str:
    return _START % (1 + at_s // 86_400, at_s // 3_600 % 24, at_s // 60 % 60, at_s % 60)


def measure(alerts: int) -> tuple[float, float, dict[str, Any]]:
    """(seconds, MiB at the most, what the triage counted). Raises BenchError where it fails."""
    with tempfile.TemporaryDirectory(prefix="chf-triage-") as folder:
        path, out = Path(folder, "alerts.jsonl"), Path(folder, "out.json")
        with path.open("w", encoding="ascii") as file:
            file.writelines(lines(alerts))
        plot = Path(folder, "plot.svg")
        command = [sys.executable, "-m", "host_tools", "triage", str(path), "--json", "--plot", str(plot)]
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        with out.open("wb") as stdout:
            start = time.perf_counter()
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout)
            peak_mib = _wait(process, start + DEADLINE_S)
            seconds = time.perf_counter() - start
        if process.returncode:
            raise BenchError(f"chtool triage ended with exit code {process.returncode}.")
        return seconds, peak_mib, _counted(out)


def _wait(process: subprocess.Popen[bytes], end: float) -> float:
    """Wait for its end; the most memory that it held, MiB."""
    if not hasattr(os, "wait4"):
        raise BenchError("This system does not tell how much memory a process took: measure on Linux or macOS.")
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        if time.perf_counter() > end:
            process.kill()
            process.wait()
            raise BenchError(f"chtool triage did not end within {DEADLINE_S} s.")
        time.sleep(0.01)


def _counted(path: Path) -> dict[str, Any]:
    """The counts in a document, which stand before its alerts: these alone would fill the memory."""
    with path.open(encoding="utf-8") as file:
        head = file.read(1 << 16)
    counted: dict[str, Any] = json.JSONDecoder().raw_decode(head, head.index("{", head.index('"read":')))[0]
    return counted


def take(quick: bool) -> list[Figure]:
    wanted = ALERTS_QUICK if quick else ALERTS
    seconds, peak_mib, read = measure(wanted)
    if read["ad1_lines"] != wanted:
        raise BenchError(f"The triage read {read['ad1_lines']} of {wanted} alerts.")
    restorations = read["ecs80_lines"] + read["restored_lines"]
    how = (
        f"chtool triage --json --plot of {wanted:,} AD1 and {restorations:,} restorations in one file, seed {SEED}, "
        "in a process of its own, its start and its output included"
    )
    return [
        Figure("triage-time", seconds, "s", TIME_BAR_S, how),
        Figure("triage-memory", peak_mib, "MiB", MEMORY_BAR_MIB, f"the most that was resident; {how}"),
    ]
