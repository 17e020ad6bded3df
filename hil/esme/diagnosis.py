"""What a failed scenario of a meter leaves for a person: the last frames, the supply, how to run it again."""

from __future__ import annotations

from hil.diagnosis import last_frames
from hil.esme.lab import Lab

EDGES = 12


def of(lab: Lab, scenario: str) -> str:
    """Everything, as lines for the report of the scenario with that pytest node id."""
    lines = [f"rerun: pytest '{scenario}' {lab.session.target.command}"]
    meter = lab.meter
    if meter is None:
        return "\n".join([*lines, "no meter was ready"])
    lines += last_frames("HAN", meter.bench.capture)
    for at_ms, good in meter.rig.edges[-EDGES:]:
        lines.append(f"  {at_ms / 1000:11.3f} s  12 V to the hub {'good' if good else 'gone'}")
    if "supply-sense" not in meter.rig.capabilities:
        lines.append("12 V to the hub: nobody looks")
    return "\n".join(lines)
