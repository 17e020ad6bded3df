"""A hub under test with all that it needs around it: rig, meter, head-end, bench. For tests, scenes, commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from host_tools.bench import Bench
from host_tools.deploy.provisioning import new_identity
from host_tools.link.recorded import Keep, Recorded
from host_tools.link.soft_rig import SoftRig
from host_tools.sim.esme import Esme
from host_tools.sim.headend import HeadEnd

DECLARE_MS = 10_000  # more than all of the meter's tries
SETTLE_MS = 3_000  # after a power-on: the hub has the time, and has seen supply good for 2 s


class Testbed:
    """rig: supply and sense lines. bench: frames and time. esme, headend: the hub's peers. identity: EUIs and keys."""

    __test__ = False  # not a test class, whatever its name begins with

    def __init__(self, rig: Any, line: Any, identity: dict[str, Any], strapped: bool = True) -> None:
        keys = {name: bytes.fromhex(key) for name, key in identity["keys"].items()}
        prefix = "bench_" if strapped else ""
        hub, esme = bytes.fromhex(identity["hub"]), bytes.fromhex(identity["esme"])
        self.identity = identity
        self.rig = rig
        self.headend = HeadEnd(keys[prefix + "head_end"], strapped)
        self.esme = Esme(esme, hub, keys[prefix + "esme"], strapped)
        self.bench = Bench(line, [self.headend, self.esme], strapped)

    @property
    def now_ms(self) -> int:
        return self.bench.now_ms

    def power_on(self) -> None:
        """Give the hub its power and let it settle."""
        switch = self.bench.line if isinstance(self.bench.line, Recorded) else self.rig
        self.bench.deliver(switch.power_on())
        self.bench.advance(SETTLE_MS)

    def record(self, keep: Keep) -> None:
        """From now on `keep` gets all that passes between the hub and its rig and peers: the entries of a capture."""
        if isinstance(self.rig, SoftRig):
            self.rig.record(keep)  # it speaks beneath the bench
        else:
            self.bench.line = Recorded(self.bench.line, keep, self.rig)

    def advance_s(self, seconds: float) -> None:
        self.bench.advance(round(seconds * 1000))

    def declare(self, expected_outage_s: int = 400, valid_s: int = 600) -> bool:
        """The meter declares an activation; whether the hub acknowledged it."""
        before = len(self.esme.acked)
        self.esme.declare(self.now_ms, expected_outage_s, valid_s)
        within_ms = DECLARE_MS * max(1, getattr(self.bench.line, "speed", 1))
        self.bench.advance(within_ms, until=lambda: self.esme.outstanding is None)
        return len(self.esme.acked) > before

    def lose_supply(self, seconds: float) -> None:
        """12 V gone, for so long; it is still gone on return."""
        self.rig.set_supply(False)
        self.advance_s(seconds)

    def restore_supply(self, seconds: float = 3) -> None:
        """12 V back, and so long for the hub to see that it stays."""
        self.rig.set_supply(True)
        self.advance_s(seconds)

    def state(self) -> dict[str, Any]:
        """The hub's own view: the fields of its `state` message."""
        return self.bench.ask("state_request", answer="state").fields


@contextlib.contextmanager
def virtual(
    *, strapped: bool = True, seed: int = 1, on: bool = True, keep: Keep | None = None, **options: Any
) -> Iterator[Testbed]:
    """A testbed around a virtual hub, powered and settled unless `on` is False.

    keep: as of Testbed.record(), from the power-on on.
    options: of VirtualRig (speed, one_cable, supply, ...) and of new_identity (policy, capacitance_mf, ...).
    """
    from host_tools.virtual.rig import VirtualRig

    for_rig = {
        name: options.pop(name)
        for name in ("speed", "one_cable", "baud", "heap", "supply", "ticks_start")
        if name in options
    }
    identity = options.pop("identity", None) or new_identity(seed, **options)
    rig = VirtualRig(identity, strapped=strapped, seed=seed, **for_rig)
    try:
        testbed = Testbed(rig, rig, identity, strapped)
        if keep is not None:
            testbed.record(keep)
        if on:
            testbed.power_on()
        yield testbed
    finally:
        rig.close()
