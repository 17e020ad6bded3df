"""A meter that declares nothing and its supplier: CS06 and the answers to it, as GBCS that the hub relays."""

from __future__ import annotations

from typing import Any

from chf.wire import schema as s
from hil.hub import HubUnderTest
from host_tools.bench import ANSWER_MS
from host_tools.gbcs import build

SUPPLIER = bytes.fromhex("90b3d51f30010000")
OTHER = bytes.fromhex("00db1234567890a1")  # a device that is not the hub's meter
IMAGE = bytes(range(32))
VERSION = bytes.fromhex("01000305")
LIFE_S = 3_600  # an activation at once is followed by its loss within this
EARLY_S = 60  # one at a time is pending so long before


def now_utc(hub: HubUnderTest) -> int:
    """What the head-end's clock says."""
    return hub.headend.clock(hub.now_ms)


def new_counter(hub: HubUnderTest) -> int:
    """A CS06's counter that this hub has never seen, whatever scenarios it has been through."""
    return int.from_bytes(hub.headend.next_counter(), "big")


def heading(hub: HubUnderTest, counter: int, recipient: bytes | None = None, **more: Any) -> build.Heading:
    """Of a message of the supplier's, to the hub's own meter unless another is named."""
    return build.Heading(counter, SUPPLIER, hub.esme.esme if recipient is None else recipient, **more)


def relay(hub: HubUnderTest, gbcs: bytes) -> dict[str, Any]:
    """The head-end sends it down; the hub's answer: its fields, and "name". It has been relayed by then."""
    answer = hub.command(lambda: hub.headend.relay(gbcs))
    hub.bench.advance(ANSWER_MS, until=lambda: gbcs in hub.esme.relayed)
    return answer


def activate(
    hub: HubUnderTest, due_utc: int = s.NO_UTC, recipient: bytes | None = None, counter: int | None = None
) -> int:
    """CS06 goes down to the meter, at once or for a time; its counter."""
    counter = new_counter(hub) if counter is None else counter
    gbcs = build.activate(heading(hub, counter, recipient), IMAGE, due_utc)
    assert relay(hub, gbcs)["name"] == "command_ack"
    assert hub.esme.relayed[-1] == gbcs
    return counter


def cancellation(hub: HubUnderTest, recipient: bytes | None = None) -> bytes:
    """CS06 that cancels what waits for its time."""
    return build.cancel(heading(hub, new_counter(hub), recipient), IMAGE)


def cancel(hub: HubUnderTest, recipient: bytes | None = None) -> None:
    """It goes down to the meter."""
    gbcs = cancellation(hub, recipient)
    assert relay(hub, gbcs)["name"] == "command_ack"
    assert hub.esme.relayed[-1] == gbcs


def says(hub: HubUnderTest, gbcs: bytes) -> None:
    """The meter sends it, and it has gone up as it came."""
    before = len(hub.headend.relayed)
    hub.esme.say_gbcs(gbcs)
    hub.bench.advance(ANSWER_MS, until=lambda: len(hub.headend.relayed) > before)
    assert hub.headend.relayed[before:] == [gbcs]


def answered(hub: HubUnderTest, counter: int, code: int = 0, version: bytes | None = VERSION) -> bytes:
    """The meter's answer to CS06: 0 done, 1 no image, 2 another hash, 3 failed."""
    return build.result(heading(hub, counter).answer(), code, version)


def ended(hub: HubUnderTest, counter: int, code: int = 0, due_utc: int = 1) -> bytes:
    """The meter's alert 0x8F66 (code 0) or 0x8F67 about the CS06 of that counter."""
    return build.ended(heading(hub, 1).answer(), code, due_utc, VERSION, counter)


def runs(hub: HubUnderTest, version: int) -> bytes:
    """The meter's answer to a supplier who has read its firmware version."""
    return build.version_read(heading(hub, 1).answer(), version.to_bytes(4, "big"))
