"""Simulated supply of a hub: a 12 V rail that charges a hold-up capacitor, and a hub that drains it."""

from __future__ import annotations

from dataclasses import dataclass


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

    @property
    def dead(self) -> bool:
        return not self.rail_good and self.holdup_mv <= self.dead_mv
