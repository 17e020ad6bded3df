"""What may differ between two runs of the same hub, and by how much: random numbers, times, and a hub's own counts."""

from __future__ import annotations

from typing import Any, NamedTuple

from chf.wire import schema as s

# A hub's own affair: its name, its log of itself, octets that a noisy line spoiled on their way to it, and which row
# of its table decided: another version numbers them otherwise, and level, cause and source say what it decided.
NOT_COMPARED = {"text", "drops", "entries", "data", "total", "lost", "row"}
HOLDUP_SLACK_MV = 25  # the energy of one frame more or less, or 20 s of waiting
_RANDOM = ("nonce", "epoch", "boot", "id", "into")
_OVER = (s.FLAG_CONSUMED, s.FLAG_CONFIRMED, s.FLAG_EXPIRED, s.FLAG_REVOKED)
_SESSION_LEN = 8  # of an id: epoch and boot; the outage's number follows


class Differs(NamedTuple):
    """One field that is not the same. Values as the hub of the capture and the reference said them."""

    field: str
    hub: Any
    reference: Any


class Tokens:
    """What the hub of the capture calls what the reference calls otherwise: nonces, epochs, boots, ids, one for one.

    slack_s: of fields in seconds. inferred: the sense lines are not known, only inferred. ran: the hub has a past that
    the capture does not show: a flag that was over before is none to the reference. past: ids of outages whose decision
    was before the capture: how it came about is not known.
    """

    def __init__(self, slack_s: int, inferred: bool, ran: bool, past: set[bytes]) -> None:
        self.ran = ran
        self.past = past
        self.slack_s = slack_s
        self.inferred = inferred
        self._to_reference: dict[tuple[str, Any], Any] = {}
        self._to_hub: dict[tuple[str, Any], Any] = {}

    def of_hub(self, outage_id: bytes) -> bytes:
        """What the hub of the capture calls that outage of the reference."""
        known: bytes = self._to_hub.get(("id", outage_id), outage_id)
        return known

    def for_reference(self, values: dict[str, Any]) -> dict[str, Any]:
        """What a peer said to the hub of the capture, as it has to say it to the reference."""
        changed = {}
        for field in _RANDOM:
            if field in values:
                changed[field] = self._to_reference.get((_kind(field), values[field]), values[field])
        return {**values, **changed} if changed else values

    def differences(self, hub: dict[str, Any], reference: dict[str, Any]) -> list[Differs]:
        """Where two messages of one name say different things; where nowhere, their tokens belong together from now."""
        learned: list[tuple[str, Any, Any]] = []
        found = []
        if self.ran and reference.get("flag") == s.FLAG_NONE and hub.get("flag") in _OVER:
            hub = {**hub, "flag": s.FLAG_NONE, "source": s.SOURCE_NONE}
        for field, theirs in hub.items():
            ours = reference.get(field)
            if field in _RANDOM:
                same = self._belong(_kind(field), theirs, ours, learned)
            else:
                same = theirs == ours or field in NOT_COMPARED or self._near(field, theirs, ours)
                same = same or (field in ("revision", "level") and hub.get("id") in self.past)
            if not same:
                found.append(Differs(field, theirs, ours))
        if not found:
            for kind, theirs, ours in learned:
                self._to_reference[kind, theirs] = ours
                self._to_hub[kind, ours] = theirs
        return found

    def _belong(self, kind: str, theirs: Any, ours: Any, learned: list[tuple[str, Any, Any]]) -> bool:
        known = self._to_reference.get((kind, theirs))
        if known is not None:
            return bool(known == ours)
        if (kind, ours) in self._to_hub:
            return False
        if isinstance(theirs, bytes) and any(theirs) != any(ours):
            return False  # zeros are no name
        if kind == "id" and any(theirs):
            boots = (int.from_bytes(theirs[4:_SESSION_LEN], "big"), int.from_bytes(ours[4:_SESSION_LEN], "big"))
            parts = (("epoch", theirs[:4], ours[:4]), ("boot", *boots))
            if not all(self._belong(part, a, b, learned) for part, a, b in parts):
                return False
        learned.append((kind, theirs, ours))
        return True

    def _near(self, field: str, theirs: Any, ours: Any) -> bool:
        if not isinstance(theirs, int) or not isinstance(ours, int):
            return False
        if field.endswith("utc"):
            return s.NO_UTC not in (theirs, ours) and abs(theirs - ours) <= self.slack_s
        if field.endswith("_s"):
            return s.UNKNOWN_S not in (theirs, ours) and abs(theirs - ours) <= self.slack_s
        if field.endswith("_mv"):
            return self.inferred or abs(theirs - ours) <= HOLDUP_SLACK_MV
        if field.endswith("bits") and self.inferred:
            return (theirs ^ ours) & ~(s.SENSE_MAINS_HINT | s.SENSE_AC_LO) == 0
        return False


def _kind(field: str) -> str:
    return "id" if field == "into" else field
