"""A simulated head-end: acknowledges, watches over held outages, keeps the time and the policy, and every alert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chf.wire import schema as s
from chf.wire.auth import wrap
from host_tools.sim.peer import Peer

UTC_START = 836_000_000  # seconds since 2000-01-01: an afternoon in June 2026
HELD_GRACE_MS = 2_000  # after a window's end, for a restoration that is on its way


@dataclass
class Alert:
    """What reaches the network operator: an AD1 of the hub, or the head-end's own for a held outage that stayed out."""

    at_ms: int
    id: bytes
    revision: int
    level: int
    cause: int
    raised_by: str  # "hub" or "head-end"
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class Watch:
    """A held outage: alert at `until_ms` unless the hub says otherwise before."""

    id: bytes
    until_ms: int
    ended: bool = False


class HeadEnd(Peer):
    """Well-behaved by default; the switches make it absent, slow or wrong.

    online: whether anything is heard or said. acknowledge: answer AD1 and restored. accept_hold: True, False, or None
    for no answer. tell_time: answer time requests. clock: ms -> UTC seconds. delay_ms: before each answer.
    """

    def __init__(self, key: bytes, marked: bool = True) -> None:
        super().__init__(s.LINK_WAN, key, marked)
        self.online = True
        self.acknowledge = True
        self.accept_hold: bool | None = True
        self.tell_time = True
        self.delay_ms = 0
        self.clock: Callable[[int], int] = lambda ms: UTC_START + ms // 1000
        self.alerts: list[Alert] = []  # each (id, revision) once, as the network operator sees them
        self.repeats = 0
        self.notices: list[tuple[int, dict[str, Any]]] = []
        self.watches: dict[bytes, Watch] = {}
        self.restorations: list[tuple[int, dict[str, Any]]] = []
        self.answers: list[tuple[int, str, dict[str, Any]]] = []  # command_ack and command_refusal
        self.relayed: list[bytes] = []
        self.without_notice: list[tuple[int, dict[str, Any]]] = []  # activations that no meter declared, each once
        self.log: list[dict[str, Any]] = []  # log_data, as they came
        self.hub_sessions: list[tuple[bytes, int]] = []
        self._seen: set[tuple[bytes, int]] = set()
        self._new_key: bytes | None = None
        self._log_nonce = b""

    def on_frame(self, content: bytes, now_ms: int) -> None:
        if self.online:
            super().on_frame(content, now_ms)

    def verify(self, content: bytes) -> bool:
        if super().verify(content):
            return True
        if self._new_key is None:
            return False
        # The hub acknowledges a rotation under the new key: from the first frame that verifies, it is the only one.
        old, self.key = self.key, type(self.key)(self._new_key)
        if super().verify(content):
            self._new_key = None
            return True
        self.key = old
        return False

    def _answer(self, now_ms: int, name: str, fields: dict[str, Any]) -> None:
        if self.delay_ms:
            self.at(now_ms + self.delay_ms, lambda _ms: self._say(name, fields))
        else:
            self._say(name, fields)

    def _say(self, name: str, fields: dict[str, Any]) -> None:
        if self.online:
            self.send(name, fields)

    # ---- what the hub says

    def on_ad1(self, fields: dict[str, Any], now_ms: int) -> None:
        seen = (fields["id"], fields["revision"])
        if seen in self._seen:
            self.repeats += 1
        else:
            self._seen.add(seen)
            alert = Alert(now_ms, fields["id"], fields["revision"], fields["level"], fields["cause"], "hub", fields)
            self.alerts.append(alert)
        watch = self.watches.get(fields["id"])
        if watch is not None:
            watch.ended = True
        if self.acknowledge:
            self._answer(now_ms, "ad1_ack", {"id": fields["id"], "revision": fields["revision"]})

    def on_hold_notice(self, fields: dict[str, Any], now_ms: int) -> None:
        self.notices.append((now_ms, fields))
        if self.accept_hold is None:
            return
        if self.accept_hold and fields["id"] not in self.watches:
            watch = Watch(fields["id"], now_ms + fields["left_s"] * 1000 + HELD_GRACE_MS)
            self.watches[fields["id"]] = watch
            self.at(watch.until_ms, lambda ms: self._watch_over(watch, ms))
        accepted = {"id": fields["id"], "window_s": fields["window_s"], "accepted": int(self.accept_hold)}
        self._answer(now_ms, "hold_ack", accepted)

    def _watch_over(self, watch: Watch, now_ms: int) -> None:
        if not watch.ended:
            watch.ended = True
            self.alerts.append(Alert(now_ms, watch.id, 0, s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN, "head-end"))

    def on_restored(self, fields: dict[str, Any], now_ms: int) -> None:
        if not any(told["id"] == fields["id"] for _, told in self.restorations):
            self.restorations.append((now_ms, fields))
        watch = self.watches.get(fields["id"])
        if watch is not None:
            watch.ended = True
        if self.acknowledge:
            self._answer(now_ms, "restored_ack", {"id": fields["id"]})

    def on_time_request(self, fields: dict[str, Any], now_ms: int) -> None:
        session = (fields["epoch"], fields["boot"])
        if session not in self.hub_sessions:
            self.hub_sessions.append(session)
        if self.tell_time:
            counter = self.counter.to_bytes(8, "big")
            self._answer(
                now_ms, "time_reply", {"nonce": fields["nonce"], "utc": self.clock(now_ms), "counter": counter}
            )

    def on_command_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        self.answers.append((now_ms, "command_ack", fields))

    def on_command_refusal(self, fields: dict[str, Any], now_ms: int) -> None:
        self.answers.append((now_ms, "command_refusal", fields))
        self.counter = max(self.counter, int.from_bytes(fields["floor"], "big"))

    def on_gbcs_up(self, fields: dict[str, Any], now_ms: int) -> None:
        self.relayed.append(fields["gbcs"])

    def on_without_notice(self, fields: dict[str, Any], now_ms: int) -> None:
        if not any(told == fields for _, told in self.without_notice):
            self.without_notice.append((now_ms, fields))
        if self.acknowledge:
            self._answer(now_ms, "without_notice_ack", {"id": fields["id"], "after": fields["after"]})

    def on_log_data(self, fields: dict[str, Any], now_ms: int) -> None:
        if fields["nonce"] == self._log_nonce:
            self.log.append(fields)

    # ---- what a person tells it to do

    def set_policy(self, policy: int) -> bytes:
        return self.send("set_policy", {"counter": self.next_counter(), "policy": policy})

    def rotate_key(self, peer: int, secret: bytes) -> bytes:
        counter = self.next_counter()
        wrapped = wrap(self.key, counter, secret)
        if peer == s.PEER_HEAD_END:
            self._new_key = secret
        return self.send("rotate_key", {"counter": counter, "peer": peer, "wrapped": wrapped})

    def exchange_esme(self, esme: bytes, secret: bytes) -> bytes:
        counter = self.next_counter()
        wrapped = wrap(self.key, counter, secret)
        return self.send("exchange_esme", {"counter": counter, "esme": esme, "wrapped": wrapped})

    def ask_log(self, index: int, nonce: bytes) -> bytes:
        """Ask for the outage that was decided `index` before the latest; the answer goes to `log`. nonce: 8 octets."""
        self._log_nonce = nonce
        return self.send("log_request", {"nonce": nonce, "index": index})

    def relay(self, gbcs: bytes) -> bytes:
        return self.send("gbcs_down", {"counter": self.next_counter(), "gbcs": gbcs})
