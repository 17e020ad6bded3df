"""Heap drift on the real VM: over many frames, over many idle steps and in the framer, the last two heap-locked."""

from __future__ import annotations

import json
from typing import Any

from host_tools.benchmarks import vm
from host_tools.benchmarks.figure import Figure
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError

FRAMES = 10_000
ROUND = 16  # frames in a round of vm/frames_drift.py
WARM_UP = 64  # rounds, in which caches fill and both journals are compacted
STEPS = 1_000_000
QUICK_FRAMES = 1_600
QUICK_STEPS = 20_000
NAMES = ("frames-drift", "idle-drift", "idle-allocating", "framer-allocating")


def identity() -> str:
    """What the narrow board is provisioned with."""
    return json.dumps(new_identity(1))


def frames_drift(frames: int, patches: dict[str, str] | None = None) -> dict[str, Any]:
    """What vm/frames_drift.py measures over so many frames. Raises BenchError where its peers were not heard."""
    with vm.scripts(patches) as folder:
        wanted = {"identity": identity(), "warm_up": WARM_UP, "rounds": -(-frames // ROUND)}
        seen = vm.run("frames_drift", folder, wanted)
    if not seen["time_known"] or seen["compactions"] < 2:
        raise BenchError("The hub did not take the frames of its peers: nothing was measured.")
    return seen


def idle_locked(steps: int, frames: int, patches: dict[str, str] | None = None) -> dict[str, Any]:
    """What vm/idle_locked.py measures. Raises BenchError where time stood still or the framer found no frames."""
    with vm.scripts(patches) as folder:
        seen = vm.run("idle_locked", folder, {"identity": identity(), "steps": steps, "frames": frames})
    if seen["found"] + seen["framer_allocating"] == 0 or seen["passed_ms"] + seen["allocating"] < steps:
        raise BenchError("The idle hub's time stood still, or its framer found nothing: nothing was measured.")
    return seen


def take(quick: bool) -> list[Figure]:
    frames = frames_drift(QUICK_FRAMES if quick else FRAMES)
    idle = idle_locked(QUICK_STEPS if quick else STEPS, QUICK_FRAMES if quick else FRAMES)
    return [
        Figure(
            "frames-drift",
            frames["drift"],
            "octets",
            0,
            f"gc.mem_alloc after gc.collect, over {frames['frames']:,} frames of all kinds, good and bad, given to the "
            f"shell on a narrow board in the VM, after {WARM_UP * ROUND:,} frames of warm-up; "
            f"{frames['compactions']} compactions",
        ),
        Figure(
            "idle-drift",
            idle["drift"],
            "octets",
            0,
            f"gc.mem_alloc after gc.collect, over {idle['steps']:,} passes of Shell.step() and Shell.sleep(), "
            f"{idle['passed_ms'] // 1000:,} s of moving ticks, one wrap",
        ),
        Figure(
            "idle-allocating",
            idle["allocating"],
            "steps",
            0,
            f"passes that raised MemoryError of {idle['steps']:,} with the heap locked (micropython.heap_lock)",
        ),
        Figure(
            "framer-allocating",
            idle["framer_allocating"],
            "pushes",
            0,
            f"pushes that raised MemoryError over {idle['frames']:,} frames, {idle['found']:,} of them good, "
            "with the heap locked",
        ),
    ]
