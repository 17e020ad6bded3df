"""What a hub had been told before its capture began, as it must have been for it to say what it says."""

from __future__ import annotations

from typing import Any, Protocol

from chf.core.limits import VALID_MAX_S
from chf.wire import schema as s
from host_tools.gbcs import build
from host_tools.replay.loaded import Passed

Act = tuple[int, str, dict[str, Any]]  # ms, message to the hub, its fields
WINDOW_S = 400  # of a declared one that no outage tells of
_SUPPLIER = bytes(7) + b"\x01"
_ONE = bytes(7) + b"\x01"


class Known(Protocol):
    """Of Start."""

    identity: dict[str, Any]
    utc: tuple[int, int] | None
    assumed: list[str]


def acts_of(start: Known, said: list[Passed], at_ms: int) -> list[Act]:
    """The messages by which such a hub came to its floors and to the flag that it tells of; at_ms: of most of them."""
    peers = {"esme": bytes.fromhex(start.identity["esme"]), "hub": bytes.fromhex(start.identity["hub"])}
    acts: list[Act] = []
    floors: dict[int, bytes] = {}
    for frame in said:
        values = frame.values or {}
        if "floor" in values:
            floors.setdefault(frame.link, values["floor"])
        elif "counter" in values:
            floors.setdefault(frame.link, bytes(8))
    if any(floors.get(s.LINK_HAN, b"")):
        acts.append((at_ms, "activation_cancel", {**peers, "counter": floors[s.LINK_HAN]}))
    if any(floors.get(s.LINK_WAN, b"")):
        policy = start.identity.get("policy", s.POLICY_TAG)
        acts.append((at_ms, "set_policy", {"counter": floors[s.LINK_WAN], "policy": policy}))
    for frame in said:
        values = frame.values or {}
        if frame.name in ("flag_ack", "gbcs_to_esme"):
            break  # what comes after may be what this has set
        if frame.name == "state" and values["flag"] == s.FLAG_PENDING:
            told = next((one.values for one in said if one.values and any(one.values.get("flag_counter", b""))), None)
            if values["source"] == s.SOURCE_DECLARED:
                acts.append(_declared(start, peers, frame, told, at_ms))
            elif values["source"] == s.SOURCE_INFERRED:
                acts.insert(0, _relayed(start, peers["esme"], frame, told, at_ms))
            break
    return acts


def _declared(start: Known, peers: dict[str, bytes], frame: Passed, told: dict[str, Any] | None, at_ms: int) -> Act:
    assert frame.values is not None
    start.assumed.append(
        "the flag that was pending is the one that the outage tells of"
        if told
        else f"the flag that was pending has a window of {WINDOW_S} s"
    )
    counter, window_s = (told["flag_counter"], told["window_s"]) if told else (_ONE, WINDOW_S)
    valid_s = min(VALID_MAX_S, frame.values["flag_left_s"] + (frame.at_ms - at_ms) // 1000)
    fields = {"counter": counter, "image_hash": bytes(32), "expected_outage_s": window_s, "valid_s": valid_s}
    return at_ms, "activation_pending", {**peers, **fields}


def _relayed(start: Known, esme: bytes, frame: Passed, told: dict[str, Any] | None, at_ms: int) -> Act:
    """A CS06, at once where it may have been, else for its time."""
    assert frame.values is not None
    start.assumed.append("the activation that was pending is one that the hub had relayed")
    counter = int.from_bytes(told["flag_counter"], "big") if told else 1
    left_s = frame.values["flag_left_s"]
    due_utc = s.NO_UTC
    if left_s <= VALID_MAX_S:
        at_ms = frame.at_ms - 1000 * (VALID_MAX_S - left_s)
    elif start.utc is not None:
        since_ms, utc = start.utc
        due_utc = utc + (frame.at_ms - since_ms) // 1000 + left_s - VALID_MAX_S
    gbcs = build.activate(build.Heading(counter, _SUPPLIER, esme), bytes(32), due_utc)
    return at_ms, "gbcs_down", {"counter": _ONE, "gbcs": gbcs}
