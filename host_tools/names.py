"""Names for the numbers of messages and journal records, from the schema's constants; values as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chf.journal import records
from chf.wire import schema
from chf.wire.codec import message, numbers

_EPOCH = datetime(2000, 1, 1)
_SHOWN_OCTETS = 24  # of a long field, in one line for people
LINK_NAMES = {schema.LINK_HAN: "HAN", schema.LINK_WAN: "WAN", schema.LINK_BENCH: "BENCH", schema.LINK_RIG: "RIG"}


class Named(int):
    """An integer that the schema has a name for: equal to the integer, printed as the name."""

    name: str

    def __new__(cls, value: int, name: str) -> Named:
        self = super().__new__(cls, value)
        self.name = name
        return self

    def __str__(self) -> str:
        return self.name


def constants(prefix: str, module: Any = schema) -> dict[int, str]:
    """Return value to name for the constants with that prefix: REFUSED_ gives {1: "counter", 2: "peer", ...}."""
    return {
        value: name[len(prefix) :].lower().replace("_", "-")
        for name, value in vars(module).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


DROP_NAMES = constants("DROP_")
_SENSE = constants("SENSE_")
_RIG_MASK = {**_SENSE, **constants("RIG_")}
_YES_NO = {0: "no", 1: "yes"}
# A field means the same wherever it stands, but for those that stand with their owner's name.
_NAMES: dict[Any, dict[int, str]] = {
    "level": constants("LEVEL_"),
    "cause": constants("CAUSE_"),
    "source": constants("SOURCE_"),
    "policy": constants("POLICY_"),
    "reason": constants("REFUSED_"),
    "flag": constants("FLAG_"),
    "peer": constants("PEER_"),
    "file": constants("JOURNAL_"),
    "reset": constants("RESET_"),
    "result": constants("RESULT_"),
    "cut": constants("CUT_"),
    "gap": constants("GAP_"),
    "evidence": constants("EVIDENCE_"),
    "type": {number: message(number)[0] for number in numbers(schema.MESSAGES)},
    "strapped": _YES_NO,
    "accepted": _YES_NO,
    "clean": _YES_NO,
    "over": _YES_NO,
    ("restart", "kind"): constants("RESTART_"),
    ("clear", "state"): constants("FLAG_"),
    ("acked", "what"): constants("ACKED_", records),
}
_BIT_FIELDS = ("bits", "loss_bits")
_COUNTERS = ("counter", "floor", "flag_counter")
_DURATIONS = ("elapsed_s", "duration_s")
_TIMES = ("utc", "loss_utc", "end_utc")
_VERSIONS = ("version", "before", "after")


def names_of(owner: str, field: str) -> dict[int, str]:
    """Return value to name for that field of the message or record `owner`; empty where it has none."""
    return _NAMES.get((owner, field)) or _NAMES.get(field) or {}


def utc_text(utc: int) -> str:
    """Return seconds since 2000-01-01T00:00:00Z as ISO 8601; "unknown" for NO_UTC."""
    return "unknown" if utc == schema.NO_UTC else (_EPOCH + timedelta(seconds=utc)).isoformat() + "Z"


def drop_counts(table: bytes) -> dict[str, int]:
    """Return reason to count for a table of drop counts, as the State message carries it; without the zeros."""
    counts = {name: int.from_bytes(table[2 * at : 2 * at + 2], "big") for at, name in DROP_NAMES.items()}
    return {name: count for name, count in counts.items() if count}


def bit_names(bits: int, table: dict[int, str] = _SENSE) -> str:
    """Return the sense bits by name, "supply|ac-lo"; "0" where none is set; bits without a name in hex."""
    names = [name for bit, name in table.items() if bits & bit]
    rest = bits & ~sum(table)
    return "|".join(names + ([f"0x{rest:02x}"] if rest else [])) or "0"


def show(field: str, value: Any) -> str:
    """Return one field's value as people read it, in one word or quoted: never a control character."""
    if isinstance(value, int):
        if field in _BIT_FIELDS:
            return bit_names(value)
        if field == "mask":
            return bit_names(value, _RIG_MASK)
        if field in _TIMES:
            return utc_text(value)
        if field == "due":
            return utc_text(value) if value else "now"
        if field in _VERSIONS and (value > 0xFF or field != "version"):  # a format's version is one octet
            return f"{value:08x}"
        if field in _DURATIONS and value == schema.UNKNOWN_S:
            return "unknown"
        return str(value)
    if field in _COUNTERS:
        return str(int.from_bytes(value, "big"))
    if field == "drops":
        return ",".join(f"{name}:{count}" for name, count in drop_counts(value).items()) or "none"
    if field == "text":
        return ascii(value.decode("utf-8", "replace"))
    if len(value) > _SHOWN_OCTETS and field in ("gbcs", "data", "entries"):
        return f"{value[:_SHOWN_OCTETS].hex()}...({len(value)} octets)"
    return value.hex() or "empty"
