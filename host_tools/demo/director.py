"""Acts scenes out on a testbed, and writes down what happens: the story in words, the signals, the alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chf.core import states
from chf.wire import schema as s
from host_tools import frames
from host_tools.gbcs import build
from host_tools.names import names_of
from host_tools.report.recording import Alert, Step
from host_tools.testbed import Testbed

# (seconds of the scene, seconds since the loss or None, who, what)
Tell = Callable[[float, float | None, str, str], None]
INFERRED = ", inferred"  # behind the flag's state, and behind the cause that it gives
SAMPLE_S = 5.0  # between two looks at the hub's state; an event is recorded when it happens
RELAY_S = 1.0  # more than a message takes through the hub
AD1_KIND = {s.LEVEL_TAGGED: "AD1 tagged", s.LEVEL_PLAIN: "AD1 plain"}


class Director:
    """Acts on a testbed, and records: the story, the signals, the hub's own state."""

    def __init__(self, testbed: Testbed, tell: Tell) -> None:
        self.bed = testbed
        self.bed.rig.ac_lo = False  # a meter that drives the line: the mains is there
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
            if state["source"] == s.SOURCE_INFERRED:
                flag += INFERRED
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

    def relay(self, gbcs: bytes) -> None:
        """A supplier's message goes down to the meter, through the head-end and the hub."""
        self.bed.headend.relay(gbcs)
        self.advance(RELAY_S)

    def answer(self, gbcs: bytes) -> None:
        """The meter's goes up."""
        self.bed.esme.say_gbcs(gbcs)
        self.advance(RELAY_S)

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
            cause = _cause(frame.fields) if frame.name == "ad1" else ""
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
                parts.append(f"AD1 {level} ({_cause(alert.fields)})")
        if not parts:
            parts.append("no alert")
        if self.bed.headend.restorations:
            parts.append("restored")
        if self.bed.headend.without_notice:
            parts.append("activation without notice")
        return ", then ".join(parts)


def _cause(ad1: dict[str, Any]) -> str:
    """Of an AD1, and whether the flag behind it was inferred."""
    cause = names_of("ad1", "cause")[ad1["cause"]]
    return cause + INFERRED if ad1["source"] == s.SOURCE_INFERRED else cause


def _subject(gbcs: bytes) -> str:
    """What a message is about, without its ends and its counter."""
    return build.describe(gbcs).rsplit(", ", 2)[0]


PHASE_WORDS = states.PHASES.split()
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
    "ad1": lambda f: f"sends AD1 revision {f['revision']}: {names_of('ad1', 'level')[f['level']]}, {_cause(f)}",
    "gbcs_down": lambda f: f"sends the meter through the hub: {_subject(f['gbcs'])}",
    "gbcs_to_esme": lambda f: "relays that to the meter as it came",
    "gbcs_from_esme": lambda f: f"says through the hub: {_subject(f['gbcs'])}",
    "without_notice": lambda f: (
        f"reports activation-without-notice: firmware {f['before']:08x} is now {f['after']:08x}, undeclared"
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
