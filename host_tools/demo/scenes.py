"""The scenes of the demo: what happens, what must come of it, and a recorder that writes both down as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.names import names_of
from host_tools.report.recording import Alert, Scene, Step
from host_tools.testbed import Testbed, virtual

# (seconds of the scene, seconds since the loss or None, who, what)
Tell = Callable[[float, float | None, str, str], None]
SAMPLE_S = 5.0  # between two looks at the hub's state; an event is recorded when it happens
AD1_KIND = {s.LEVEL_TAGGED: "AD1 tagged", s.LEVEL_PLAIN: "AD1 plain"}


@dataclass(frozen=True)
class Script:
    """One scene: `play` acts it out on a director; `expected` is what the network operator must see."""

    name: str
    title: str
    expected: str
    play: Callable[[Director], None]
    policy: int = s.POLICY_TAG
    options: dict[str, Any] = field(default_factory=dict)


class Director:
    """Acts on a testbed, and records: the story, the signals, the hub's own state."""

    def __init__(self, testbed: Testbed, tell: Tell) -> None:
        self.bed = testbed
        self.story: list[Step] = []
        self.series: dict[str, list[tuple[float, Any]]] = {
            name: [] for name in ("rail", "holdup_mv", "ac_lo", "mt_pr", "flag", "hub")
        }
        self.loss_s: float | None = None
        self.window_s: int | None = None
        self._tell = tell
        self.meter = "meter"  # who speaks on the HAN link
        self._seen = 0  # frames of the capture that have been told
        self._told: set[bytes] = set()
        self._ends = 0  # ends of the hub's runs that have been told

    @property
    def now_s(self) -> float:
        return self.bed.now_ms / 1000

    def say(self, actor: str, text: str, at_s: float | None = None) -> None:
        at_s = self.now_s if at_s is None else at_s
        self.story.append(Step(at_s, actor, text))
        self._tell(at_s, None if self.loss_s is None else at_s - self.loss_s, actor, text)

    # ---- time

    def advance(self, seconds: float) -> None:
        """Let time pass; what the hub and its peers say meanwhile is told."""
        end = self.bed.now_ms + round(seconds * 1000)
        while self.bed.now_ms < end:
            heard = len(self.bed.bench.capture)
            self.bed.bench.advance(
                min(round(SAMPLE_S * 1000), end - self.bed.now_ms),
                until=lambda heard=heard: len(self.bed.bench.capture) > heard,  # type: ignore[misc]
            )
            self._note()

    def _note(self) -> None:
        rig = self.bed.rig
        self._put("rail", rig.supply.rail_good)
        self._put("holdup_mv", round(rig.supply.holdup_mv) if rig.powered else 0)
        self._put("ac_lo", rig.ac_lo)
        self._put("mt_pr", rig.mt_pr)
        if rig.powered:
            state = self.bed.state()
            flag = names_of("state", "flag")[state["flag"]]
            level = names_of("state", "level")[state["level"]]
            self._put("flag", flag)
            self._put("hub", level if state["level"] else PHASE_WORDS[state["phase"]])
        else:
            self._put("flag", "unknown")
            self._put("hub", "off")
        self._narrate_frames()
        for at_ms, why in rig.resets[self._ends :]:
            self.say("hub", ENDS[why], at_ms / 1000)
        self._ends = len(rig.resets)

    def _put(self, name: str, value: Any) -> None:
        self.series[name].append((self.now_s, value))

    def _narrate_frames(self) -> None:
        capture = self.bed.bench.capture
        for captured in capture[self._seen :]:
            frame = captured.frame
            words = WORDS.get(frame.name)
            if words is not None and captured.content not in self._told:
                self._told.add(captured.content)
                actor = (self.meter if frame.link == s.LINK_HAN else "head-end") if captured.to_hub else "hub"
                self.say(actor, words(frame.fields), captured.at_ms / 1000)
        self._seen = len(capture)

    # ---- what people and the mains do

    def declare(self, expected_outage_s: int = 400, valid_s: int = 600) -> bool:
        self.window_s = expected_outage_s
        acked = self.bed.declare(expected_outage_s, valid_s)
        self._note()
        return acked

    def lose(self, text: str, actor: str = "mains", ac_lo: bool = True) -> None:
        """The 12 V goes. ac_lo: the meter says that it has no AC."""
        self._note()
        self.bed.rig.set_supply(False)
        self.bed.rig.ac_lo = ac_lo
        self.loss_s = self.now_s
        self.say(actor, text)
        self._note()

    def restore(self, text: str, actor: str = "mains") -> None:
        self._note()
        self.bed.rig.set_supply(True)
        self.bed.rig.ac_lo = False
        self.say(actor, text)
        self._note()

    # ---- what came of it

    def alerts(self) -> list[Alert]:
        """Every message about an outage, and the head-end's own alerts, in order."""
        found: list[Alert] = []
        acks = [(c.at_ms / 1000, c.frame) for c in self.bed.bench.capture if c.to_hub]
        told: set[tuple[str, bytes, int | None]] = set()
        for captured in self.bed.bench.capture:
            frame = captured.frame
            kind, answer, revision = _kind(frame)
            if kind is None or captured.to_hub or (kind, frame.fields["id"], revision) in told:
                continue
            told.add((kind, frame.fields["id"], revision))
            cause = names_of("ad1", "cause")[frame.fields["cause"]] if frame.name == "ad1" else ""
            at = captured.at_ms / 1000
            acked = next(
                (when for when, ack in acks if when >= at and _answers(ack, answer, frame.fields["id"], revision)), None
            )
            found.append(Alert(at, kind, cause, revision, acked))
        for alert in self.bed.headend.alerts:
            if alert.raised_by == "head-end":
                found.append(Alert(alert.at_ms / 1000, "head-end alert", "activation-overrun", None, None))
        return sorted(found, key=lambda alert: alert.at_s)

    def outcome(self) -> str:
        """What the network operator saw, in a line."""
        parts = []
        for alert in self.bed.headend.alerts:
            if alert.raised_by == "head-end":
                parts.append("head-end alert")
            else:
                level = names_of("ad1", "level")[alert.level]
                parts.append(f"AD1 {level} ({names_of('ad1', 'cause')[alert.cause]})")
        if not parts:
            parts.append("no alert")
        if self.bed.headend.restorations:
            parts.append("restored")
        return ", then ".join(parts)


PHASE_WORDS = ("powered", "lost", "returning", "out", "out-returning", "proving")
ENDS = {
    "hold-up empty": "is off: the hold-up is empty",
    "power cut": "is off",
    "watchdog": "is restarted by its watchdog",
    "restart": "restarts",
}
WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "activation_pending": lambda f: (
        f"declares an activation: {f['expected_outage_s']} s at most, to begin within {f['valid_s']} s"
    ),
    "activation_complete": lambda f: "reports the activation complete",
    "flag_ack": lambda f: "has it durable in the journal, and acknowledges",
    "flag_refusal": lambda f: f"refuses it ({names_of('flag_refusal', 'reason')[f['reason']]})",
    "hold_notice": lambda f: f"asks the head-end to watch for the {f['left_s']} s that are left of the window",
    "hold_ack": lambda f: "takes over the watch" if f["accepted"] else "declines to watch",
    "ad1": lambda f: (
        f"sends AD1 revision {f['revision']}: {names_of('ad1', 'level')[f['level']]}, "
        f"{names_of('ad1', 'cause')[f['cause']]}"
    ),
    "ad1_ack": lambda f: f"acknowledges AD1 revision {f['revision']}",
    "restored": lambda f: (
        "reports supply restored, duration " + ("unknown" if f["duration_s"] == s.UNKNOWN_S else f"{f['duration_s']} s")
    ),
}


def _kind(frame: frames.Frame) -> tuple[str | None, str, int | None]:
    """(kind of alert or None, the message that acknowledges it, revision)."""
    if frame.name == "ad1":
        return AD1_KIND[frame.fields["level"]], "ad1_ack", frame.fields["revision"]
    if frame.name == "hold_notice":
        return "HoldNotice", "hold_ack", None
    if frame.name == "restored":
        return "Restored", "restored_ack", frame.fields["revision"]
    return None, "", None


def _answers(ack: frames.Frame, name: str, outage_id: bytes, revision: int | None) -> bool:
    if ack.name != name or ack.fields["id"] != outage_id:
        return False
    return name != "ad1_ack" or ack.fields["revision"] == revision


# ---- the scenes


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
)


def run(script: Script, tell: Tell, seed: int = 1) -> Scene:
    """Act a scene out on a virtual hub of its own, and record it; `tell` hears each sentence as it comes."""
    from host_tools.virtual.supply import Supply

    weak_mf = script.options.get("weak_capacitor_mf")
    capacitor = {"capacitance_mf": weak_mf} if weak_mf else {}
    supply = Supply(**capacitor)
    with virtual(policy=script.policy, seed=seed, supply=supply, **capacitor) as bed:
        director = Director(bed, tell)
        script.play(director)
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
