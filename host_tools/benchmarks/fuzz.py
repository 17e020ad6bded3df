"""100,000 GBCS messages that may change nothing, through a hub on the real VM: its flag, memory, relays, alerts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from chf.wire.auth import Key
from host_tools import frames
from host_tools.benchmarks import vm
from host_tools.benchmarks.figure import Figure
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import BenchError
from host_tools.gbcs import build, fuzz

NAMES = ("gbcs-fuzz", "gbcs-fuzz-drift")
MESSAGES = 100_000
QUICK_MESSAGES = 3_000
WARM_UP = 1_000
SEED = 1
DEADLINE_S = 300.0  # it takes 40 s where nothing else runs
NOW_COUNTER, DUE_COUNTER = 1_000, 1_001
DUE_S = 3_000  # after the fuzz has begun; it lasts for 100 s of the hub's time, and the outages for some more
UTC = 836_000_000  # of vm/narrow_board.py when its hub starts, two minutes before
FIRST_COUNTER = 1_000  # of the head-end's relays
_TAGGED = [s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION, s.SOURCE_INFERRED, 600]
# What must be told after it: the flag that was pending, then none, then the one that has waited for its time.
EXPECTED = [
    [*_TAGGED, NOW_COUNTER],
    [s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS, s.SOURCE_NONE, 0, 0],
    [*_TAGGED, DUE_COUNTER],
]


def _write(path: Path, identity: dict[str, Any], count: int, warm_up: int, seed: int) -> list[str]:
    """Write the frames, each with its link and length before it; the digests of what a hub says to them, HAN, WAN.

    The last one of the warm-up and the last one of all are alike: a hub may keep the last that it has answered.
    """
    meter = bytes.fromhex(identity["esme"])
    key = Key(bytes.fromhex(identity["keys"]["bench_head_end"]))
    said = [hashlib.sha256(), hashlib.sha256()]
    counter = FIRST_COUNTER
    with path.open("wb") as file:
        for index, (down, gbcs) in enumerate(fuzz.messages(meter, count, seed), 1):
            if index in (warm_up, count):
                down, gbcs = True, bytes(64)
            if down:
                counter += 1
                octets = counter.to_bytes(8, "big")
                frame = frames.build("gbcs_down", {"counter": octets, "gbcs": gbcs}, key=key, marked=True)
                acked = {"type": "gbcs_down", "counter": octets}
                said[0].update(frames.to_wire(frames.build("gbcs_to_esme", {"gbcs": gbcs}, marked=True)))
                said[1].update(frames.to_wire(frames.build("command_ack", acked, key=key, marked=True)))
            else:
                frame = frames.build("gbcs_from_esme", {"gbcs": gbcs}, marked=True)
                said[1].update(frames.to_wire(frames.build("gbcs_up", {"gbcs": gbcs}, key=key, marked=True)))
            wire = frames.to_wire(frame)
            file.write(bytes((int(down),)) + len(wire).to_bytes(2, "big") + wire)
    return [digest.hexdigest() for digest in said]


def run(count: int, seed: int = SEED, patches: dict[str, str] | None = None) -> dict[str, Any]:
    """What vm/gbcs_fuzz.py measures, and "wrong": what the hub did that it must not, as sentences. Raises BenchError.

    count: of messages. patches: modules in place of the firmware's, for tests.
    """
    identity = new_identity(1)
    heading = [build.Heading(of, bytes(8), bytes.fromhex(identity["esme"])) for of in (NOW_COUNTER, DUE_COUNTER)]
    before = [build.activate(heading[0], bytes(32)), build.activate(heading[1], bytes(32), UTC + DUE_S)]
    warm_up = min(WARM_UP, count // 2)
    with vm.scripts(patches) as folder:
        path = folder / "frames.bin"
        expected = _write(path, identity, count, warm_up, seed)
        wanted = {
            "identity": json.dumps(identity),
            "before": [gbcs.hex() for gbcs in before],
            "frames": path.name,
            "warm_up": warm_up,
            "count": count,
            "due_s": DUE_S,
        }
        seen = vm.run("gbcs_fuzz", folder, wanted, deadline_s=DEADLINE_S)
    if seen["fed"] != count:
        raise BenchError("The hub was not given the messages: nothing was measured.")
    wrong = []
    if not seen["untouched"]:
        wrong.append(f"flag, queue or journal have changed: before, they were {seen['state']}")
    if seen["dropped"]:
        wrong.append(f"{seen['dropped']} frames were dropped")
    if seen["digests"] != expected:
        wrong.append("a message was not relayed as it came")
    if seen["told"] != EXPECTED:
        wrong.append(f"the outages after it were told as {seen['told']}")
    return {**seen, "wrong": wrong}


def take(quick: bool) -> list[Figure]:
    count = QUICK_MESSAGES if quick else MESSAGES
    seen = run(count)
    what = (
        f"{count:,} GBCS messages, generated and mutated, through the shell on a narrow board in the VM, half of them "
        "each way, while an inferred flag is pending and another waits for its time"
    )
    said = "; ".join(seen["wrong"]) or "relayed octet for octet, nothing written, the next three outages told right"
    return [
        Figure("gbcs-fuzz", len(seen["wrong"]), "faults", 0, f"{what}: {said}"),
        Figure("gbcs-fuzz-drift", seen["drift"], "octets", 0, f"gc.mem_alloc after gc.collect, over {what}"),
    ]
