"""A hub under test, and what a scenario asks of the wire: frames by name, decisions in order, times from the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chf.wire import schema as s
from host_tools.bench import ANSWER_MS
from host_tools.errors import BenchError
from host_tools.names import drop_counts
from host_tools.testbed import Testbed

STARTING_TRIES = 10  # each as long as a hub may take to answer


@dataclass(frozen=True)
class Heard:
    """One frame of the hub: when it left, and its fields."""

    at_ms: int
    fields: dict[str, Any]


def drops(state: dict[str, Any]) -> dict[str, int]:
    """Frames dropped since the hub's start, by reason as in the wire's SPEC ("mac"), those that there were."""
    return drop_counts(state["drops"])


class HubUnderTest(Testbed):
    """A Testbed that reads its own capture. Times are the bench's, in milliseconds; lose() sets `lost_at_ms`."""

    lost_at_ms = 0

    # ---- what went over the wire

    def heard(self, name: str, since_ms: int = 0) -> list[Heard]:
        """What the hub has sent under that name, from `since_ms` on."""
        return [
            Heard(captured.at_ms, captured.frame.fields)
            for captured in self.bench.capture
            if not captured.to_hub and captured.at_ms >= since_ms and captured.frame.name == name
        ]

    def decisions(self) -> list[tuple[int, int]]:
        """(level, cause) of each AD1 of the hub, in the order of their arrival, repeats left out."""
        return [(int(alert.level), int(alert.cause)) for alert in self.headend.alerts if alert.raised_by == "hub"]

    def forget(self) -> None:
        """What has been said and done so far is no part of the scenario."""
        for heard in (self.bench.capture, self.headend.alerts, self.headend.restorations, self.headend.answers):
            heard.clear()
        for heard in (self.headend.notices, self.esme.acked, self.esme.refused, self.headend.without_notice):
            heard.clear()
        for heard in (self.headend.relayed, self.esme.relayed, self.headend.log):
            heard.clear()

    def lasted(self) -> list[int]:
        """The duration of each outage that was told as restored, to the nearest 10 s; UNKNOWN_S as it is."""
        told = [fields["duration_s"] for _, fields in self.headend.restorations]
        return [int(seconds) if seconds == s.UNKNOWN_S else round(seconds, -1) for seconds in told]

    def flag(self) -> int:
        """FLAG_* as the hub sees it."""
        return int(self.state()["flag"])

    def answers(self, since_ms: int = 0) -> list[str]:
        """What the hub has said on HAN: "ack", or the reason of a refusal by its name in the schema ("counter")."""
        said = []
        for captured in self.bench.capture:
            if captured.to_hub or captured.at_ms < since_ms:
                continue
            frame = captured.frame
            if frame.name == "flag_ack":
                said.append("ack")
            elif frame.name == "flag_refusal":
                said.append(str(frame.fields["reason"]))
        return said

    def last_sent(self, name: str) -> bytes:
        """The content of the last frame of that name that a peer sent to the hub."""
        return [one.content for one in self.bench.capture if one.to_hub and one.frame.name == name][-1]

    # ---- the supply

    def lose(self, seconds: float = 0) -> None:
        """12 V goes now; so long later this returns."""
        self.lost_at_ms = self.now_ms
        self.rig.set_supply(False)
        if seconds:
            self.until(seconds)

    def until(self, seconds: float) -> None:
        """Let time pass until so long after the loss. Raises BenchError if that is over already."""
        left_ms = self.lost_at_ms + round(seconds * 1000) - self.now_ms
        if left_ms < 0:
            raise BenchError(f"{seconds} s after the loss was over {-left_ms} ms ago: the scenario's times do not fit.")
        if left_ms:
            self.bench.advance(left_ms)

    def back(self, seconds: float = 3) -> None:
        """12 V is back, and so much time passes: enough to count, unless told otherwise."""
        self.restore_supply(seconds)

    def outage(self, seconds: float) -> None:
        """One outage of that length, restored and told of at its end."""
        self.lose(seconds)
        self.back()

    def power_cut(self, off_s: float = 0) -> None:
        """The hub is without any power, hold-up and all, for so long; then it has everything again."""
        self.rig.set_supply(False)
        self.rig.cut_power()
        if off_s:
            self.advance_s(off_s)
        self.rig.set_supply(True)
        self.power_on()

    def restart(self, kind: int = s.RESTART_RESET) -> None:
        """The hub restarts at the bench's command, supply as it is. Returns when it has settled."""
        self.bench.ask("restart", {"kind": kind}, answer="bench_ack")
        self.advance_s(12 if kind == s.RESTART_WATCHDOG else 3)
        if getattr(self.bench.line, "speed", 0):
            self._come_back()

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        """Let time pass until it comes true, at most so long; the scenario then says what is missing."""
        self.bench.advance(self._within_ms(seconds), until=until)

    def _within_ms(self, seconds: float) -> int:
        """How long to wait for what a hub does in so long: one that runs faster than real time needs real time."""
        return round(seconds * 1000) * max(1, getattr(self.bench.line, "speed", 1))

    def _come_back(self) -> None:
        """In real time a board may need longer: it starts, and then listens for Ctrl-C. It is to settle after that."""
        for tries_left in range(STARTING_TRIES - 1, -1, -1):
            try:
                self.bench.ask("identify", answer="identity")
                break
            except BenchError:
                if not tries_left:
                    raise
        self.advance_s(3)

    # ---- the peers

    def send_flag(self, name: str = "activation_pending", **fields: Any) -> bytes:
        """One flag message, not repeated; an answer is awaited, and may stay away. `fields` replace the meter's own,
        key and marked those of frames.build(). Returns its content.
        """
        values: dict[str, Any] = {"esme": self.esme.esme, "hub": self.esme.hub}
        if "counter" not in fields:
            values["counter"] = self.esme.next_counter()
        if name == "activation_pending":
            values |= {"image_hash": bytes(32), "expected_outage_s": 400, "valid_s": 600}
        elif name == "activation_complete":
            values |= {"image_hash": bytes(32), "result": s.RESULT_SUCCESS, "version": 2}
        options = {key: fields.pop(key) for key in ("key", "marked") if key in fields}
        content = self.esme.send(name, values | fields, **options)
        before = len(self.answers())
        self.bench.advance(ANSWER_MS, until=lambda: len(self.answers()) > before)
        return content

    def report(self, name: str, **options: Any) -> None:
        """The meter says "complete" or "cancel" and repeats it until the hub answers."""
        getattr(self.esme, name)(self.now_ms, **options)
        self.bench.wait_for(f"answer to '{name}'", lambda: self.esme.outstanding is None, self._within_ms(10))

    def command(self, send: Callable[[], bytes]) -> dict[str, Any]:
        """Have the head-end send a command; the hub's answer: its fields, and "name"."""
        told = len(self.headend.answers)
        send()
        self.bench.wait_for("answer to a command", lambda: len(self.headend.answers) > told, self._within_ms(3))
        _, name, fields = self.headend.answers[-1]
        return {**fields, "name": name}

    def set_policy(self, policy: int) -> None:
        """The head-end sets the policy. Raises BenchError where the hub does not acknowledge it."""
        for _ in range(2):  # a head-end that is new to this hub learns the hub's floor from the first refusal
            if self.command(lambda: self.headend.set_policy(policy))["name"] == "command_ack":
                return
        raise BenchError(f"The hub refused policy {policy}.")

    def journal(self, file: int) -> bytes:
        """One of the hub's journal files, as the bench may read it."""
        data = b""
        while True:
            part = self.bench.ask("journal_request", {"file": file, "offset": len(data)}, answer="journal_data").fields
            data += part["data"]
            if len(data) >= part["total"] or not part["data"]:
                return data
