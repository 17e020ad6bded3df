"""The scenes of the demo: what happens, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chf.wire import schema as s
from host_tools.demo.director import Director, Tell
from host_tools.gbcs import build
from host_tools.link import capture
from host_tools.link.recorded import about
from host_tools.report.recording import Scene
from host_tools.testbed import virtual

SUPPLIER = bytes.fromhex("90b3d51f30010000")
IMAGE = bytes(range(32))
OLD_VERSION, NEW_VERSION = bytes.fromhex("01000304"), bytes.fromhex("01000305")
CS06_COUNTER = 1000
CS06_WINDOW_S = 600  # what the hub gives an activation that it has inferred


@dataclass(frozen=True)
class Script:
    """One scene: `play` acts it out on a director; `expected` is what the network operator must see."""

    name: str
    title: str
    expected: str
    play: Callable[[Director], None]
    policy: int = s.POLICY_TAG
    options: dict[str, Any] = field(default_factory=dict)


def _genuine(d: Director) -> None:
    d.advance(20)
    d.lose("the mains fails, and with it the 12 V")
    d.advance(300)
    d.restore("the mains is back")
    d.advance(20)


def _activation(d: Director) -> None:
    d.declare()
    d.advance(20)
    d.lose("reboots into the new image; the 12 V goes", "meter", ac_lo=False)
    d.advance(230)
    d.restore("is back with the new image; the 12 V returns", "meter")
    d.advance(10)
    d.bed.esme.complete(d.bed.now_ms)
    d.advance(20)


def _overrun(d: Director) -> None:
    d.declare(expected_outage_s=300)
    d.advance(20)
    d.lose("reboots into the new image; the 12 V goes", "meter", ac_lo=False)
    d.advance(180)
    d.say("meter", "does not come back: the new image does not start")
    d.advance(240)
    d.restore("a fitter has replaced the meter", "people")
    d.advance(20)


def _forged(d: Director) -> None:
    good = d.bed.esme.key
    d.bed.esme.key = type(good)(b"not the meter's key, but an array"[:32])
    d.meter = "attacker"
    d.say("attacker", "speaks in the meter's name, without its key")
    d.declare()
    d.bed.esme.key = good
    d.say("hub", "drops it: the MAC is wrong, and what does not verify gets no answer")
    d.advance(20)
    d.lose("the mains fails, and with it the 12 V")
    d.advance(240)
    d.restore("the mains is back")
    d.advance(20)


def _dies(d: Director) -> None:
    d.advance(20)
    d.lose("the mains fails; this hub's old capacitor will not last")
    d.advance(290)
    d.restore("the mains is back, and the hub boots")
    d.advance(30)


def _dies_held(d: Director) -> None:
    d.declare(expected_outage_s=400)
    d.advance(20)
    d.lose("reboots into the new image; the 12 V goes", "meter", ac_lo=False)
    d.advance(200)
    d.say("hub", "dies: somebody has pulled it off the meter")
    d.bed.rig.cut_power()
    d.advance(240)
    d.restore("the hub is put back, and boots", "people")
    d.advance(30)


def _cs06(d: Director, counter: int = CS06_COUNTER) -> build.Heading:
    """From the supplier to the hub's own meter."""
    return build.Heading(counter, SUPPLIER, d.bed.esme.esme)


def _legacy(d: Director) -> None:
    d.answer(build.version_read(_cs06(d, 999).answer(), OLD_VERSION))
    d.advance(10)
    d.relay(build.activate(_cs06(d), IMAGE))
    d.window_s = CS06_WINDOW_S
    d.answer(build.result(_cs06(d).answer(), 0, NEW_VERSION))
    d.advance(20)
    d.lose("has answered first, and reboots only now; the 12 V goes", "meter", ac_lo=False)
    d.advance(230)
    d.restore("is back with the new image; the 12 V returns", "meter")
    d.advance(20)


def _schedule(d: Director, in_s: int) -> int:
    """The supplier sends an activation for a time, and the meter accepts it; that time, s since 2000."""
    due_utc = d.bed.headend.clock(d.bed.now_ms) + in_s
    d.relay(build.activate(_cs06(d), IMAGE, due_utc))
    d.answer(build.accepted(_cs06(d).answer()))
    return due_utc


def _scheduled(d: Director) -> None:
    due_utc = _schedule(d, 300)
    d.say("hub", "keeps it in its journal; no flag is pending, so an outage now would be plain")
    d.advance(due_utc - d.bed.headend.clock(d.bed.now_ms))
    d.window_s = CS06_WINDOW_S
    d.lose("reboots into the new image at its time; the 12 V goes", "meter", ac_lo=False)
    d.advance(230)
    d.restore("is back with the new image; the 12 V returns", "meter")
    d.advance(10)
    d.answer(build.ended(_cs06(d, 7).answer(), 0, due_utc, NEW_VERSION, CS06_COUNTER))
    d.advance(20)


def _cancelled(d: Director) -> None:
    due_utc = _schedule(d, 150)
    d.advance(30)
    d.relay(build.cancel(_cs06(d, CS06_COUNTER + 1), IMAGE))
    d.answer(build.accepted(_cs06(d, CS06_COUNTER + 1).answer()))
    d.advance(due_utc - d.bed.headend.clock(d.bed.now_ms))
    d.lose("the mains fails, at the very time that was planned; the 12 V goes")
    d.advance(240)
    d.restore("the mains is back")
    d.advance(20)


SCRIPTS = (
    Script("genuine-outage", "A genuine outage", "AD1 plain (supply-loss), then restored", _genuine),
    Script(
        "activation-tag",
        "A declared activation, policy tag",
        "AD1 tagged (firmware-activation), then restored",
        _activation,
    ),
    Script(
        "activation-suppress",
        "A declared activation, policy suppress",
        "no alert, then restored",
        _activation,
        s.POLICY_SUPPRESS,
    ),
    Script(
        "activation-alert",
        "A declared activation, policy alert",
        "AD1 plain (supply-loss), then restored",
        _activation,
        s.POLICY_ALERT,
    ),
    Script(
        "activation-overrun",
        "A held activation that overruns its window",
        "AD1 plain (activation-overrun), then restored",
        _overrun,
        s.POLICY_SUPPRESS,
    ),
    Script("forged-flag", "A forged flag before a genuine outage", "AD1 plain (supply-loss), then restored", _forged),
    Script(
        "hold-up-dies",
        "A hold-up that dies before 180 s",
        "AD1 plain (supply-loss), then restored",
        _dies,
        options={"weak_capacitor_mf": 600},
    ),
    Script(
        "held-hub-dies",
        "A hub that dies while it holds an outage back",
        "head-end alert, then AD1 plain (activation-overrun), then restored",
        _dies_held,
        s.POLICY_SUPPRESS,
    ),
    Script(
        "legacy-meter",
        "A legacy meter: CS06 relayed, nothing declared",
        "AD1 tagged (firmware-activation, inferred), then restored, then activation without notice",
        _legacy,
    ),
    Script(
        "scheduled-activation",
        "A scheduled activation",
        "AD1 tagged (firmware-activation, inferred), then restored",
        _scheduled,
    ),
    Script(
        "scheduled-cancelled",
        "A scheduled activation that was cancelled",
        "AD1 plain (supply-loss), then restored",
        _cancelled,
    ),
)


def run(script: Script, tell: Tell, seed: int = 1, captures: Path | None = None) -> Scene:
    """Act a scene out on a virtual hub of its own, and record it; `tell` hears each sentence as it comes.

    captures: a folder for the scene's capture. Raises BenchError where it takes none.
    """
    from host_tools.virtual.supply import Supply

    passed: list[capture.Kept] = []

    weak_mf = script.options.get("weak_capacitor_mf")
    capacitor = {"capacitance_mf": weak_mf} if weak_mf else {}
    supply = Supply(**capacitor)
    with virtual(policy=script.policy, seed=seed, supply=supply, **capacitor, keep=passed.append) as bed:
        director = Director(bed, tell)
        script.play(director)
        if captures is not None:
            known = about(bed.identity, bed.rig, seed)
            capture.write(captures / f"{script.name}.jsonl", passed, scene=script.name, **known)
        got = director.outcome()
        window_end = None
        if director.window_s is not None and director.loss_s is not None:
            window_end = director.loss_s + director.window_s
        return Scene(
            name=script.name,
            title=script.title,
            simulated=bed.rig.simulated,
            expected=script.expected,
            got=got,
            ok=got == script.expected,
            loss_s=director.loss_s,
            window_end_s=window_end,
            reserve_mv=float(supply.dead_mv),
            alerts=director.alerts(),
            story=sorted(director.story, key=lambda step: step.at_s),
            **director.series,  # type: ignore[arg-type]
        )
