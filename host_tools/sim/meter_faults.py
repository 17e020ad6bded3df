"""Meters with one fault each, for the conformance suite to find: how each declares, waits, repeats and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chf.wire import schema as s
from chf.wire.auth import Key
from chf.wire.codec import type_of
from host_tools import frames
from host_tools.sim.meter import GOING, Habits, Meter
from host_tools.sim.meter_talk import Exchange

# ---- the declaration


class Legacy(Meter):
    """declares nothing: told to activate, it goes"""

    def declare(self, now_ms: int) -> None:
        self.go(now_ms)


class LegacyBrief(Legacy):
    """declares nothing, and is away for less than 180 s"""

    habits = Habits(gaps=((1_000, 60_000),))


class Impatient(Meter):
    """goes once its repeats are over, acknowledged or not"""

    def declared(self, now_ms: int, acknowledged: bool) -> None:
        super().declared(now_ms, acknowledged or not self.last_reason)


class Hasty(Meter):
    """declares, and goes at its second repeat without waiting any longer"""

    def repeat(self, now_ms: int, exchange: Exchange) -> None:
        super().repeat(now_ms, exchange)
        if exchange.name == "activation_pending" and exchange.tries == 2 and self.exchange is exchange:
            self.end(now_ms, True)


class Boundless(Meter):
    """declares an outage of 900 s"""

    habits = Habits(expected_outage_s=900)


class Stranger(Meter):
    """gives another meter's EUI-64"""

    def sealed(self, name: str, fields: dict[str, Any]) -> bytes:
        fields["esme"] = bytes(8)
        return super().sealed(name, fields)


class Misaddressed(Meter):
    """gives another hub's EUI-64"""

    def sealed(self, name: str, fields: dict[str, Any]) -> bytes:
        fields["hub"] = bytes(8)
        return super().sealed(name, fields)


class WrongImage(Meter):
    """completes another image than it declared"""

    def outcome(self) -> dict[str, Any]:
        return {**super().outcome(), "image_hash": bytes(32)}


class Forger(Meter):
    """seals under a key that is not its own"""

    def sealed(self, name: str, fields: dict[str, Any]) -> bytes:
        return frames.build(name, fields, key=Key(bytes(32)), marked=self.marked)


class Unmarked(Meter):
    """leaves the bench mark out"""

    def sealed(self, name: str, fields: dict[str, Any]) -> bytes:
        return frames.build(name, fields, key=self.key)


# ---- answers that are none


class TrustsAnyMac(Meter):
    """takes an acknowledgement whatever its MAC"""

    def verify(self, content: bytes) -> bool:
        return content[2] == 0x14 or super().verify(content)


class TrustsAnyRefusal(Meter):
    """takes a refusal whatever its MAC"""

    def verify(self, content: bytes) -> bool:
        return content[2] == 0x15 or super().verify(content)


class Inattentive(Meter):
    """looks at an acknowledgement with less care than it must: at all but the fields in `ignored`"""

    ignored: tuple[str, ...] = ()

    def on_flag_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        if self.exchange is not None:
            waiting = {**self.exchange.fields, "type": type_of(self.exchange.name)}
            fields = {**fields, **{name: waiting[name] for name in self.ignored}}
        super().on_flag_ack(fields, now_ms)


class AnyCounter(Inattentive):
    """takes an acknowledgement of another counter"""

    ignored = ("counter",)


class AnyMeter(Inattentive):
    """takes an acknowledgement for another meter, or of another hub"""

    ignored = ("esme", "hub")


class AnyType(Inattentive):
    """takes an acknowledgement of another type"""

    ignored = ("type",)


class AnyAddress(Meter):
    """does not look at link, direction and bench mark"""

    def addressed(self, content: bytes) -> bool:
        return (len(content) > 2 and content[2] in (0x14, 0x18)) or super().addressed(content)

    def on_frame(self, content: bytes, now_ms: int) -> None:
        if self.deaf or content[2:3] != b"\x14" or not self.verify(content):
            super().on_frame(content, now_ms)
            return
        _, _, number, *_ = content
        fields = frames.STRUCTS[number].parse(content[s.HEADER_LEN : -s.MAC_LEN])
        self.on_flag_ack(fields, now_ms)


# ---- repeats


class Taciturn(Meter):
    """says each thing once"""

    def rhythm(self, name: str) -> tuple[int, int]:
        return (5_000, 121) if name in ("activation_complete", "activation_cancel") else (60_000, 1)


class Hammering(Meter):
    """repeats every 0.3 s"""

    def rhythm(self, name: str) -> tuple[int, int]:
        return (5_000, 121) if name in ("activation_complete", "activation_cancel") else (300, 30)


class Endless(Meter):
    """repeats a declaration for 10 min"""

    def rhythm(self, name: str) -> tuple[int, int]:
        return (5_000, 121)


class Parrot(Meter):
    """repeats once more what was acknowledged"""

    def end(self, now_ms: int, acknowledged: bool) -> None:
        said = self.exchange
        super().end(now_ms, acknowledged)
        if acknowledged and said is not None:
            self.at(now_ms + 700, lambda ms: self.transmit(said.content))


class Interleaver(Meter):
    """goes on repeating what was refused beside what follows"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        said = self.exchange
        super().refused(reason, fields, now_ms)
        if said is not None and reason == s.REFUSED_COUNTER and said.name == "activation_pending":
            self.at(now_ms + 1_200, lambda ms: self.transmit(said.content))


# ---- counters


class Reuser(Meter):
    """gives the report of its second activation the counter of the declaration"""

    def report(self, now_ms: int) -> None:
        self.nvm.counter -= 1 if self.nvm.version == 3 else 0
        super().report(now_ms)


class Forgetful(Meter):
    """makes its counter durable only when the message was answered"""

    used = 0

    def next_counter(self) -> bytes:
        kept, self.nvm.counter = self.nvm.counter, max(self.used, self.nvm.counter)
        octets = super().next_counter()
        self.used, self.nvm.counter = self.nvm.counter, kept
        return octets

    def end(self, now_ms: int, acknowledged: bool) -> None:
        self.nvm.counter = max(self.used, self.nvm.counter)
        super().end(now_ms, acknowledged)


class TakesEveryFloor(Meter):
    """takes the floor of a hub that says that it knows none"""

    def refused(self, reason: int, fields: dict[str, Any], now_ms: int) -> None:
        self.nvm.counter = max(self.nvm.counter, int.from_bytes(fields["floor"], "big"))
        super().refused(reason, fields, now_ms)


class Resumer(Meter):
    """after a power cut goes on with what was acknowledged before, long after that is over"""

    habits = Habits(gaps=((150_000, 100_000),))

    def resume(self, now_ms: int) -> None:
        job = self.nvm.job
        if job is not None and job.stage == GOING:
            self.go(now_ms)
        else:
            super().resume(now_ms)


class Amnesiac(Meter):
    """after a power cut it has nothing to report"""

    def boot(self, now_ms: int) -> None:
        self.nvm.job = None


DECLARING: dict[str, Callable[..., Meter]] = {
    "legacy": Legacy,
    "legacy-brief": LegacyBrief,
    "impatient": Impatient,
    "hasty": Hasty,
    "boundless": Boundless,
    "stranger": Stranger,
    "misaddressed": Misaddressed,
    "wrong-image": WrongImage,
    "forger": Forger,
    "unmarked": Unmarked,
    "any-mac": TrustsAnyMac,
    "any-refusal": TrustsAnyRefusal,
    "any-counter": AnyCounter,
    "any-meter": AnyMeter,
    "any-type": AnyType,
    "any-address": AnyAddress,
    "taciturn": Taciturn,
    "hammering": Hammering,
    "endless": Endless,
    "parrot": Parrot,
    "interleaver": Interleaver,
    "reuser": Reuser,
    "forgetful": Forgetful,
    "every-floor": TakesEveryFloor,
    "resumer": Resumer,
    "amnesiac": Amnesiac,
}
