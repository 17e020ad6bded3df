"""Builds GBCS messages as a supplier and a meter would send them, and says what a message is in one line.

The layouts are those of the public Reference Test Data Set; SPEC.md of the wire, annex D, writes down what the hub
reads. **The signatures and MACs are filler**: this project holds no keys of the smart metering PKI, and the hub, which
only relays, could not check them. A real meter refuses these messages.

Times are integers, s since 2000-01-01T00:00:00Z; NO_UTC means none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from construct import ConstructError

from chf.wire import gbcs
from chf.wire.schema import GBCS_MAX, NO_UTC
from host_tools.gbcs import layout
from host_tools.names import utc_text

COMMAND, RESPONSE, ALERT = 1, 2, 3  # CRA
CS06 = 0x0012  # Activate Firmware
CS06_ENDED = 0x00CA  # the alert that ends an activation at its time
ECS52 = 0x0059  # Read Firmware Version
ECS80 = 0x0067  # the alert: supply restored
DONE, FAILED = 0x8F66, 0x8F67
OUTAGE, OUTAGE_3_MIN = 0x8F35, 0x8F36
OUTAGE_3_MIN_S = 180

FILLER_SIGNATURE = b"filler, no signature: no keys of the smart metering PKI are here"
FILLER_MAC = b"filler: none"
_GENERALIZED = "%Y%m%d%H%M%SZ"
_NEVER = "99991231235959Z"


class Heading(NamedTuple):
    """Who says it to whom, under which counter; `signed` and `ciphered`: None is as the public samples have it."""

    counter: int
    originator: bytes
    recipient: bytes
    sent_utc: int = NO_UTC
    signed: bool | None = None  # 64 octets of signature, else none
    ciphered: bool | None = None  # general-ciphering with a MAC of 12 octets around it

    def answer(self) -> Heading:
        """The heading of the answer: the ends change places, the counter stays."""
        return Heading(self.counter, self.recipient, self.originator)


class Restoration(NamedTuple):
    """What an ECS80 alert says: the meter, the alert code, the outage's start and end."""

    meter: bytes
    code: int
    start_utc: int
    end_utc: int


# ---- the messages


def message(
    heading: Heading, cra: int, code: int, content: bytes, *, signed: bool, ciphered: bool, more: bytes = b""
) -> bytes:
    """Any message; `signed`, `ciphered`: where the heading leaves it open; `more`: other information after the code.

    Raises ValueError where it is longer than the hub's tunnel takes, or an end is no EUI-64.
    """
    signed = signed if heading.signed is None else heading.signed
    ciphered = ciphered if heading.ciphered is None else heading.ciphered
    if len(heading.originator) != 8 or len(heading.recipient) != 8:
        raise ValueError("An originator and a recipient have 8 octets each.")
    octets = layout.GENERAL_SIGNING.build(
        {
            **heading._asdict(),
            "cra": cra,
            "sent": b"" if heading.sent_utc == NO_UTC else layout.DATE_TIME.build(heading.sent_utc),
            "information": {"code": code, "more": more},
            "content": content,
            "signature": FILLER_SIGNATURE if signed else b"",
        }
    )
    if ciphered:
        octets = layout.GENERAL_CIPHERING.build({"ciphered": {"rest": octets + FILLER_MAC}})
    if len(octets) > GBCS_MAX:
        raise ValueError(f"A message of {len(octets)} octets is too long: the tunnel takes {GBCS_MAX}.")
    return bytes(octets)


def _generalized(utc: int) -> bytes:
    return (layout.EPOCH + timedelta(seconds=utc)).strftime(_GENERALIZED).encode()


def _invoke(counter: int) -> int:
    return 0x20000000 | counter & 0xFFFFFF


def _command(heading: Heading, image_hash: bytes, time: bytes | None) -> bytes:
    content = layout.ACTIVATE.build({"image_hash": image_hash, "counter": heading.counter, "time": time})
    return message(heading, COMMAND, CS06, content, signed=True, ciphered=True)


def activate(heading: Heading, image_hash: bytes, due_utc: int = NO_UTC) -> bytes:
    """CS06: activate the image of that hash (32 octets), at once or at `due_utc`."""
    return _command(heading, image_hash, None if due_utc == NO_UTC else _generalized(due_utc))


def cancel(heading: Heading, image_hash: bytes) -> bytes:
    """CS06: cancel the activation that waits for its time."""
    return _command(heading, image_hash, _NEVER.encode())


def accepted(heading: Heading) -> bytes:
    """CS06's answer: accepted, to be done at its time (or cancelled)."""
    return message(heading, RESPONSE, CS06, b"\x05\x00", signed=True, ciphered=False)


def result(heading: Heading, code: int, version: bytes | None) -> bytes:
    """CS06's answer: 0 done, 1 no image, 2 another hash, 3 failed; the version that runs, 4 octets."""
    content = layout.OUTCOME.build({"result": code, "version": version})
    return message(heading, RESPONSE, CS06, content, signed=True, ciphered=False)


def ended(heading: Heading, code: int, due_utc: int, version: bytes | None, of: int) -> bytes:
    """The alert 0x8F66 (code 0) or 0x8F67 for the activation due then that command `of` (a counter) asked for."""
    values = {
        "code": FAILED if code else DONE,
        "time": _generalized(due_utc),
        "counter": of,
        "outcome": {"result": code, "version": version},
    }
    return message(heading, ALERT, CS06_ENDED, layout.ENDED.build(values), signed=True, ciphered=False)


def version_read(heading: Heading, version: bytes) -> bytes:
    """ECS52's answer: the version that runs, 4 octets."""
    content = layout.VERSION_READ.build({"invoke": _invoke(heading.counter), "version": version})
    return message(heading, RESPONSE, ECS52, content, signed=False, ciphered=True)


def restored(heading: Heading, start_utc: int, end_utc: int, sent_utc: int | None = None) -> bytes:
    """ECS80's alert: 0x8F36 for an outage of three minutes or more, else 0x8F35; sent at its end where not said."""
    values = {
        "invoke": _invoke(heading.counter),
        "code": OUTAGE_3_MIN if end_utc - start_utc >= OUTAGE_3_MIN_S else OUTAGE,
        "sent": end_utc if sent_utc is None else sent_utc,
        "start": start_utc,
        "end": end_utc,
    }
    return message(heading, ALERT, ECS80, layout.RESTORED.build(values), signed=True, ciphered=False)


def other(heading: Heading, cra: int, code: int, octets: int) -> bytes:
    """A message of another use case, `octets` long at most, or as near as its lengths allow."""
    bare = len(message(heading, cra, code, b"", signed=True, ciphered=False))
    room = max(0, octets - bare - 4)  # what longer lengths take
    return message(heading, cra, code, b"\x5a" * room, signed=True, ciphered=False)


# ---- for people


def parse(octets: bytes) -> Any:
    """The parsed general-signing message, with or without general-ciphering; None where it is none."""
    try:
        if octets[:1] == b"\xdd":
            octets = layout.GENERAL_CIPHERING.parse(octets).ciphered.rest[: -len(FILLER_MAC)]
        return layout.GENERAL_SIGNING.parse(octets)
    except ConstructError:
        return None


def restoration(octets: bytes) -> Restoration | None:
    """What an ECS80 alert says; None where the octets are none."""
    parsed = parse(octets)
    if parsed is None or parsed.cra != ALERT or parsed.information.code != ECS80:
        return None
    try:
        body = layout.RESTORED.parse(parsed.content)
    except ConstructError:
        return None
    return Restoration(bytes(parsed.originator), int(body.code), int(body.start), int(body.end))


def _subject(octets: bytes) -> str | None:
    """What the message is about, where the hub or we can read that."""
    found = gbcs.read(octets)
    if found is None:
        seen = restoration(octets)
        if seen is None:
            return None
        return f"ECS80 supply restored (0x{seen.code:04X}), out {utc_text(seen.start_utc)} to {utc_text(seen.end_utc)}"
    kind, _, _, _, what, number = found
    if kind == gbcs.ACTIVATE:
        return f"CS06 activate image {what.hex()[:8]}... " + (f"at {utc_text(number)}" if number else "at once")
    if kind == gbcs.CANCEL:
        return f"CS06 cancel the activation of image {what.hex()[:8]}..."
    version = "no version" if what is None else f"version {what.hex()}"
    return {
        gbcs.ACCEPTED: "CS06 accepted",
        gbcs.RESULT: f"CS06 {('done', 'refused: no image', 'refused: another hash', 'failed')[number]}, {version}",
        gbcs.DONE: f"CS06 done at its time (0x8F66), {version}",
        gbcs.FAILED: f"CS06 failed at its time (0x8F67), {version}",
        gbcs.VERSION: f"ECS52 runs {version}",
    }[kind]


def describe(octets: bytes) -> str:
    """One line, without its octets: "CS06 activate image aa758690... at once, 90b3... to 00db..., counter 1000"."""
    octets = bytes(octets)
    parsed = parse(octets)
    if parsed is None:
        return f"{len(octets)} octets that are no GBCS message"
    subject = _subject(octets)
    if subject is None:
        kind = {COMMAND: "command", RESPONSE: "response", ALERT: "alert"}.get(parsed.cra, f"CRA {parsed.cra}")
        subject = f"{kind} 0x{parsed.information.code:04X} of {len(octets)} octets"
    return f"{subject}, {parsed.originator.hex()} to {parsed.recipient.hex()}, counter {parsed.counter}"
