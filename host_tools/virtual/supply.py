"""Simulated supply of a hub: a 12 V rail that charges a hold-up capacitor, and a hub that drains it."""

from __future__ import annotations

from dataclasses import dataclass

SLICE_MS = 1_000  # while the hold-up falls, a step is no longer than this, or than the hold-up takes ...
SLICE_MV = 5  # ... to fall by this much


@dataclass
class Supply:
    """All that the rig knows of the hub's power. SI units scaled: millivolt, millifarad, milliwatt, millijoule.

    The capacitor is full as soon as the rail is good (a charger is not modelled). `dead_mv`: the brown-out voltage at
    which the hub stops by itself.
    """

    rail_good: bool = True
    full_mv: int = 5_000
    capacitance_mf: int = 10_000
    load_mw: int = 60
    send_mj_per_octet: float = 4.0
    dead_mv: int = 2_000
    holdup_mv: float = 5_000.0

    def spend(self, ms: int, octets: int = 0) -> None:
        """Time passes and octets leave on the WAN."""
        if self.rail_good:
            self.holdup_mv = max(self.holdup_mv, float(self.full_mv))
            return
        millijoule = self.load_mw * ms / 1000 + octets * self.send_mj_per_octet
        squared = self.holdup_mv**2 - 2 * millijoule * 1e6 / self.capacitance_mf
        self.holdup_mv = max(0.0, squared) ** 0.5

    def left_ms(self, to_mv: float) -> int | None:
        """How long until the hold-up has fallen to `to_mv` at the idle load; None while the rail is good."""
        if self.rail_good:
            return None
        millijoule = self.capacitance_mf * (self.holdup_mv**2 - to_mv**2) / 2e6
        return max(0, int(millijoule / self.load_mw * 1000) + 1)

    def step_end_ms(self, now_ms: int, limit_ms: int) -> int:
        """How far a step may go: while the hold-up falls it must be told anew, and the hub dies when it is empty."""
        dies_in = self.left_ms(self.dead_mv)
        if dies_in is None:
            return limit_ms
        slice_ms = max(SLICE_MS, self.left_ms(self.holdup_mv - SLICE_MV) or 0)
        return min(limit_ms, now_ms + slice_ms, now_ms + dies_in)

    @property
    def dead(self) -> bool:
        return not self.rail_good and self.holdup_mv <= self.dead_mv
