"""What a simulated meter has to tell its hub, told as wire SPEC 7 asks: one message at a time, until it is answered.

Times are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chf.wire import schema as s
from chf.wire.codec import type_of
from host_tools import frames
from host_tools.sim.peer import Peer

REPEAT = {"activation_complete": (5_000, 121), "activation_cancel": (5_000, 121)}  # period, tries: SPEC 7.4
REPEAT_ELSE = (2_000, 6)  # SPEC 7.2
COUNTER_AGAIN = 3  # SPEC 7, table: COUNTER
MESSAGES_MAX = 8  # in one declaration, SPEC 7.6


@dataclass
class Telling:
    """Something that the hub is to acknowledge, and how far that got; done(now_ms, acknowledged) when it is over."""

    name: str
    extra: dict[str, Any]
    done: Callable[[int, bool], None]
    messages: int = 0
    counters: int = 0  # refusals as COUNTER


@dataclass
class Exchange:
    """One message that waits for its answer."""

    name: str
    fields: dict[str, Any]
    content: bytes
    tries: int = 0


class Talker(Peer):
    """One end of the HAN. `deaf`: it neither hears nor speaks."""

    def __init__(self, esme: bytes, hub: bytes, key: bytes, marked: bool = True) -> None:
        super().__init__(s.LINK_HAN, key, marked)
        self.esme = esme
        self.hub = hub
        self.deaf = False
        self.telling: Telling | None = None
        self.exchange: Exchange | None = None
        self.last_reason = 0  # of the refusals of what is being told; 0 without one

    def raise_counter(self, floor: int) -> None:
        """The next counter is above that."""
        self.counter = max(self.counter, floor)

    # ---- its port

    def framed(self, content: bytes) -> bytes:
        """A content as it goes over the line."""
        return frames.to_wire(content)

    def receiver(self) -> frames.Deframer:
        """What takes the line's octets apart while it has power."""
        return frames.Deframer()

    # ---- messages

    def tell(self, now_ms: int, name: str, extra: dict[str, Any], done: Callable[[int, bool], None]) -> None:
        """Say it until it is acknowledged, as SPEC 7's table says, in place of what was being told."""
        self.telling = Telling(name, extra, done)
        self.last_reason = 0
        self.say(now_ms, name, extra)

    def say(self, now_ms: int, name: str, extra: dict[str, Any]) -> None:
        """One message, repeated until it is answered."""
        assert self.telling is not None
        self.telling.messages += 1
        if self.telling.messages > MESSAGES_MAX:
            self.end(now_ms, False)
            return
        fields = {"esme": self.esme, "hub": self.hub, "counter": self.next_counter(), **extra}
        self.exchange = Exchange(name, fields, self.sealed(name, fields))
        self.repeat(now_ms, self.exchange)

    def sealed(self, name: str, fields: dict[str, Any]) -> bytes:
        return frames.build(name, fields, key=self.key, marked=self.marked)

    def rhythm(self, name: str) -> tuple[int, int]:
        """(period, tries) of that message."""
        return REPEAT.get(name, REPEAT_ELSE)

    def repeat(self, now_ms: int, exchange: Exchange) -> None:
        if self.exchange is not exchange or self.deaf:
            return
        period, tries = self.rhythm(exchange.name)
        if exchange.tries >= tries:
            self.end(now_ms, False)
            return
        exchange.tries += 1
        self.transmit(exchange.content)
        self.at(now_ms + period, lambda ms: self.repeat(ms, exchange))

    def again(self, now_ms: int) -> None:
        """Say what was being told once more, under a new counter."""
        assert self.telling is not None
        self.say(now_ms, self.telling.name, self.telling.extra)

    def end(self, now_ms: int, acknowledged: bool) -> None:
        telling = self.telling
        self.telling = self.exchange = None
        if telling is not None:
            telling.done(now_ms, acknowledged)

    # ---- what the hub says

    def on_frame(self, content: bytes, now_ms: int) -> None:
        """One frame, its FCS good. What is not the hub's, on HAN, with this meter's bench mark, is dropped."""
        if not self.deaf and self.addressed(content):
            super().on_frame(content, now_ms)

    def addressed(self, content: bytes) -> bool:
        return content[1:2] == bytes((s.LINK_HAN | s.FROM_HUB | (s.BENCH_MARK if self.marked else 0),))

    def answers(self, fields: dict[str, Any]) -> bool:
        """Whether it answers what waits. A refusal for reason PEER names the EUI-64s as the hub knows them."""
        waiting = self.exchange
        if waiting is None or fields["type"] != type_of(waiting.name):
            return False
        known = "reason" in fields or all(fields[name] == waiting.fields[name] for name in ("esme", "hub"))
        return known and bool(fields["counter"] == waiting.fields["counter"])

    def on_flag_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        if not self.answers(fields):
            return
        assert self.exchange is not None
        if self.exchange.name == "counter_sync":
            self.again(now_ms)
        else:
            self.end(now_ms, True)

    def on_flag_refusal(self, fields: dict[str, Any], now_ms: int) -> None:
        if self.answers(fields):
            self.refused(int(fields["reason"]), fields, now_ms)

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        """What SPEC 7's table says of each reason."""
        assert self.telling is not None and self.exchange is not None
        self.last_reason = reason
        if reason == s.REFUSED_COUNTER and self.telling.counters < COUNTER_AGAIN:
            self.telling.counters += 1
            self.raise_counter(int.from_bytes(fields["floor"], "big"))
            self.again(now_ms)
        elif reason == s.REFUSED_UNSYNCED and self.exchange.name != "counter_sync":
            self.say(now_ms, "counter_sync", {"nonce": fields["nonce"]})
        elif reason == s.REFUSED_NONCE and self.exchange.name == "counter_sync":
            self.again(now_ms)
        else:
            self.end(now_ms, False)
