"""A simulated electricity meter: declares an activation, waits for the acknowledgement, only then reboots."""

from __future__ import annotations

from typing import Any

from chf.wire import schema as s
from chf.wire.codec import type_of
from host_tools.sim.peer import Peer

RETRY_MS = 1_000
TRIES = 5
IMAGE = bytes(range(32))


class Esme(Peer):
    """Well-behaved: one message outstanding at a time, repeated until answered; a counter is never used twice.

    acked / refused: what the hub has answered, as (ms, fields). outstanding: the fields that wait for an answer.
    """

    def __init__(self, esme: bytes, hub: bytes, key: bytes, marked: bool = True) -> None:
        super().__init__(s.LINK_HAN, key, marked)
        self.esme = esme
        self.hub = hub
        self.acked: list[tuple[int, dict[str, Any]]] = []
        self.refused: list[tuple[int, dict[str, Any]]] = []
        self.relayed: list[bytes] = []
        self.outstanding: tuple[str, dict[str, Any], int] | None = None
        self.tries = TRIES
        self.last_content = b""

    # ---- what it says

    def declare(
        self, now_ms: int, expected_outage_s: int = 400, valid_s: int = 600, image_hash: bytes = IMAGE
    ) -> dict[str, Any]:
        """ActivationPending, repeated until the hub answers."""
        extra = {"image_hash": image_hash, "expected_outage_s": expected_outage_s, "valid_s": valid_s}
        return self._begin(now_ms, "activation_pending", extra)

    def complete(self, now_ms: int, result: int = s.RESULT_SUCCESS, version: int = 2) -> dict[str, Any]:
        extra = {"image_hash": IMAGE, "result": result, "version": version}
        return self._begin(now_ms, "activation_complete", extra)

    def cancel(self, now_ms: int) -> dict[str, Any]:
        return self._begin(now_ms, "activation_cancel", {})

    def _begin(self, now_ms: int, name: str, extra: dict[str, Any]) -> dict[str, Any]:
        fields = {"esme": self.esme, "hub": self.hub, "counter": self.next_counter(), **extra}
        self.outstanding = (name, fields, self.tries)
        self._repeat(now_ms, fields["counter"])
        return fields

    def _repeat(self, now_ms: int, counter: bytes) -> None:
        if self.outstanding is None or self.outstanding[1]["counter"] != counter:
            return
        name, fields, left = self.outstanding
        if left == 0:
            self.outstanding = None
            return
        self.outstanding = (name, fields, left - 1)
        self.last_content = self.send(name, fields)
        self.at(now_ms + RETRY_MS, lambda ms: self._repeat(ms, counter))

    # ---- what the hub answers

    def _mine(self, fields: dict[str, Any]) -> bool:
        if self.outstanding is None:
            return False
        name, sent, _ = self.outstanding
        return type_of(name) == fields["type"] and sent["counter"] == fields["counter"]

    def on_flag_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        if self._mine(fields):
            self.acked.append((now_ms, fields))
            self.outstanding = None

    def on_flag_refusal(self, fields: dict[str, Any], now_ms: int) -> None:
        if not self._mine(fields):
            return
        self.refused.append((now_ms, fields))
        assert self.outstanding is not None
        name, sent, left = self.outstanding
        self.outstanding = None
        if left == 0:
            return
        if fields["reason"] == s.REFUSED_COUNTER:
            self.counter = max(self.counter, int.from_bytes(fields["floor"], "big"))
            self._again(now_ms, name, sent, left)
        elif fields["reason"] == s.REFUSED_UNSYNCED:
            sync = {"esme": self.esme, "hub": self.hub, "counter": self.next_counter(), "nonce": fields["nonce"]}
            self.send("counter_sync", sync)
            self._again(now_ms, name, sent, left)

    def _again(self, now_ms: int, name: str, sent: dict[str, Any], left: int) -> None:
        fields = dict(sent, counter=self.next_counter())
        self.outstanding = (name, fields, left - 1)
        self.at(now_ms + RETRY_MS, lambda ms: self._repeat(ms, fields["counter"]))

    def say_gbcs(self, gbcs: bytes) -> bytes:
        """A GBCS message for the hub to relay."""
        return self.send("gbcs_from_esme", {"gbcs": gbcs})

    def on_gbcs_to_esme(self, fields: dict[str, Any], now_ms: int) -> None:
        self.relayed.append(fields["gbcs"])
