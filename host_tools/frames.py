"""Frames for people and tests: Construct structs built from the firmware's own schema, names for numbers, JSON.

The firmware's schema is the one definition; here it becomes one strict struct for each message and journal record. What
comes off a line goes through `Deframer` first, so the FCS is checked before anything is parsed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from construct import Bytes, BytesInteger, Check, Construct, ConstructError, GreedyBytes, Struct, Terminated, len_, this

from chf.journal import records
from chf.wire import framing, schema
from chf.wire.auth import Key
from chf.wire.codec import items, message, numbers, type_of
from host_tools import frames_fast
from host_tools.frames_fast import Fields
from host_tools.names import LINK_NAMES, Named, drop_counts, names_of, show

MESSAGES = {number: message(number) for number in numbers(schema.MESSAGES)}
RECORDS = {kind: tuple(records.record(kind)) for kind in numbers(records.RECORDS)}


class FrameError(ValueError):
    """A frame that does not parse or cannot be built. `reason` is the drop reason's name ("length") or "value"."""

    def __init__(self, reason: str, sentence: str):
        super().__init__(sentence)
        self.reason = reason


class Frame(NamedTuple):
    """One parsed frame. `fields` holds integers (named ones print their name) and bytes; `mac` is not yet verified."""

    version: int
    link: int
    from_hub: bool
    marked: bool
    type: int
    name: str
    fields: dict[str, Any]
    mac: bytes | None


class Record(NamedTuple):
    """One journal record: kind, name, fields as in a Frame."""

    kind: int
    name: str
    fields: dict[str, Any]


def _construct_of(kind: str) -> Construct:
    if kind == "*":
        return GreedyBytes
    return BytesInteger(int(kind[1:]) // 8) if kind[0] == "u" else Bytes(int(kind[1:]))


def _struct_of(fields: str) -> Struct:
    parts = [name / _construct_of(kind) for name, kind in items(fields)]
    if fields.endswith("*"):
        parts.append(Check(len_(this[items(fields)[-1][0]]) <= schema.GBCS_MAX))
    return Struct(*parts, Terminated)


STRUCTS = {number: _struct_of(row[4]) for number, row in MESSAGES.items()}
RECORD_STRUCTS = {kind: _struct_of(fields) for kind, (_, fields) in RECORDS.items()}


# The same in less time: tests hold it to the structs, value for value, and it leaves every refusal to them.
_FAST = {number: Fields(row[0], row[4]) for number, row in MESSAGES.items()}


def parse_body(owner: str, struct: Struct, fields: str, payload: bytes) -> dict[str, Any]:
    """Return field -> value by Construct, the specification of a body. Raises FrameError."""
    try:
        parsed = struct.parse(payload)
    except ConstructError:
        raise FrameError("length", f"{len(payload)} octets are not the body of a '{owner}'.") from None
    values = {}
    for field, _ in items(fields):
        value = parsed[field]
        name = names_of(owner, field).get(value) if isinstance(value, int) else None
        values[field] = value if name is None else Named(value, name)
    return values


def _value_for(owner: str, field: str, kind: str, value: Any) -> int | bytes:
    """Return the integer or octets that `value` stands for: a name, a hex string, an integer, octets."""
    if kind[0] != "u":
        if isinstance(value, str):
            try:
                value = bytes.fromhex(value)
            except ValueError:
                raise FrameError("value", f"Field '{field}' of '{owner}' takes octets in hex, not '{value}'.") from None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise FrameError("value", f"Field '{field}' of '{owner}' takes octets, not {value!r}.")
        return bytes(value)
    if isinstance(value, str):
        numbers = [number for number, name in names_of(owner, field).items() if name == value]
        if not numbers:
            raise FrameError("value", f"Field '{field}' of '{owner}' has no value named '{value}'.")
        return numbers[0]
    if not isinstance(value, int):
        raise FrameError("value", f"Field '{field}' of '{owner}' takes an integer, not {value!r}.")
    return int(value)


def _build_fields(owner: str, struct: Struct, fields: str, values: dict[str, Any]) -> bytes:
    known = [field for field, _ in items(fields)]
    for field in values:
        if field not in known:
            raise FrameError("value", f"'{owner}' has no field '{field}'; it has {', '.join(known) or 'none'}.")
    for field in known:
        if field not in values:
            raise FrameError("value", f"'{owner}' needs the field '{field}'.")
    plain = {field: _value_for(owner, field, kind, values[field]) for field, kind in items(fields)}
    try:
        return struct.build(plain)
    except ConstructError as error:
        sentence = str(error).strip().splitlines()[-1]
        raise FrameError("value", f"A field of '{owner}' is out of range: {sentence}.") from None


def _key(key: Key | bytes) -> Key:
    return key if isinstance(key, Key) else Key(key)


def build(name: str, fields: dict[str, Any], *, key: Key | bytes | None = None, marked: bool = False) -> bytes:
    """Return the content of a frame: header, body and, where the message carries one, MAC; no FCS.

    fields  exactly the message's; a named value may be given by name, octets in hex
    key     needed for a message with a MAC: an auth.Key or its 32 octets
    marked  sets the bench mark, on HAN and WAN frames only
    Raises FrameError.
    """
    number = type_of(name)
    if number is None:
        raise FrameError("type", f"There is no message '{name}'.")
    _, link, from_hub, has_mac, table = MESSAGES[number]
    address = link | (schema.FROM_HUB if from_hub else 0)
    if marked and link in (schema.LINK_HAN, schema.LINK_WAN):
        address |= schema.BENCH_MARK
    content = bytes((schema.WIRE_VERSION, address, number)) + _build_fields(name, STRUCTS[number], table, fields)
    if not has_mac:
        return content
    if key is None:
        raise FrameError("mac", f"'{name}' carries a MAC: give the key of the {LINK_NAMES[link]} link.")
    return content + _key(key).tag(content)


def parse(content: bytes) -> Frame:
    """Return the Frame in `content` (no FCS: see Deframer). Raises FrameError. The MAC is cut off, not verified."""
    if len(content) < schema.HEADER_LEN:
        raise FrameError("short", f"{len(content)} octets are no frame: the header alone takes {schema.HEADER_LEN}.")
    version, address, number = content[: schema.HEADER_LEN]
    if version != schema.WIRE_VERSION:
        raise FrameError(
            "version",
            f"The frame has wire version {version}, these tools speak {schema.WIRE_VERSION}: update one.",
        )
    if number not in MESSAGES:
        raise FrameError("type", f"There is no message type 0x{number:02X}.")
    name, link, from_hub, has_mac, table = MESSAGES[number]
    marked = bool(address & schema.BENCH_MARK)
    if address & ~schema.BENCH_MARK != link | (schema.FROM_HUB if from_hub else 0):
        raise FrameError("address", f"Address 0x{address:02X} does not fit message '{name}'.")
    if marked and link not in (schema.LINK_HAN, schema.LINK_WAN):
        raise FrameError("mark", f"Message '{name}' never carries the bench mark.")
    end = len(content) - (schema.MAC_LEN if has_mac else 0)
    if end < schema.HEADER_LEN:
        raise FrameError("length", f"{len(content)} octets are too short for '{name}' and its MAC.")
    payload = content[schema.HEADER_LEN : end]
    fields = _FAST[number].unpack(payload)
    if fields is None:
        fields = parse_body(name, STRUCTS[number], table, payload)
    mac = bytes(content[end:]) if has_mac else None
    return Frame(version, link, from_hub, marked, number, name, fields, mac)


def authentic(content: bytes, key: Key | bytes) -> bool:
    """Say whether the last 16 octets of `content` are its MAC under `key`."""
    end = len(content) - schema.MAC_LEN
    return end >= schema.HEADER_LEN and _key(key).verify(content, end, content[end:])


def to_wire(content: bytes) -> bytes:
    """Return `content` as it goes over a line: FCS added, octet-stuffed, between flags."""
    out = bytearray(2 * (len(content) + schema.FCS_LEN) + 2)
    return bytes(out[: framing.stuff(content, len(content), out)])


class Deframer(frames_fast.Deframer):
    """Turns what comes off a line into contents; what is not plainly good goes through the firmware's own framing."""

    def drops(self) -> dict[str, int]:
        """Return how many frames were dropped so far, by reason; reasons that did not occur are left out."""
        return drop_counts(bytes(self.framer.drops))


def parse_record(kind: int, payload: bytes) -> Record:
    """Return the journal record of that kind. Raises FrameError."""
    if kind not in RECORDS:
        raise FrameError("type", f"There is no journal record of kind 0x{kind:02X}.")
    name, table = RECORDS[kind]
    return Record(kind, name, parse_body(name, RECORD_STRUCTS[kind], table, payload))


def build_record(name: str, fields: dict[str, Any]) -> tuple[int, bytes]:
    """Return (kind, payload) of a journal record. Raises FrameError."""
    kind = records.kind_of(name)
    if kind is None:
        raise FrameError("type", f"There is no journal record '{name}'.")
    return kind, _build_fields(name, RECORD_STRUCTS[kind], RECORDS[kind][1], fields)


def describe(frame: Frame) -> str:
    """Return the frame as one line for people: "HAN -> hub activation_pending counter=42 expected_outage_s=240 ..."."""
    link = LINK_NAMES[frame.link]
    way = f"hub -> {link}" if frame.from_hub else f"{link} -> hub"
    words = [way, frame.name, *(f"{field}={show(field, value)}" for field, value in frame.fields.items())]
    if frame.marked:
        words.append("(bench)")
    return " ".join(words)


def describe_record(record: Record) -> str:
    """Return the journal record as one line for people."""
    return " ".join([record.name, *(f"{field}={show(field, value)}" for field, value in record.fields.items())])


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.name if isinstance(value, Named) else value


def to_json(frame: Frame) -> dict[str, Any]:
    """Return the frame as a dict for json.dumps: names where there are any, octets in hex; build() takes its fields."""
    return {
        "version": frame.version,
        "link": LINK_NAMES[frame.link],
        "from_hub": frame.from_hub,
        "marked": frame.marked,
        "type": frame.type,
        "name": frame.name,
        "fields": {field: _json_value(value) for field, value in frame.fields.items()},
        "mac": None if frame.mac is None else frame.mac.hex(),
    }
