"""Our own GBCS messages: what the builder makes beyond what the hub reads, and the public samples made again."""

import re
from pathlib import Path

import pytest

from chf.wire import gbcs
from chf.wire.schema import GBCS_MAX
from host_tools.gbcs import build
from tests.wire import gbcs_oracle
from tests.wire.test_gbcs import DOC, VECTORS, octets_of

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "gbcs-rtds"


@pytest.mark.parametrize("octets", [200, 264, 265, 266, 400, GBCS_MAX])
@pytest.mark.parametrize("ciphered", [False, True])
def test_messages_of_other_use_cases_are_none(octets, ciphered):
    heading = build.Heading(7, bytes(8), bytes(range(8)), ciphered=ciphered)
    made = build.other(heading, build.COMMAND, 0x0062, octets)
    assert octets - 4 <= len(made) <= octets
    assert gbcs.read(made) is None
    assert build.describe(made) == (
        f"command 0x0062 of {len(made)} octets, 0000000000000000 to 0001020304050607, counter 7"
    )


def test_the_builder_refuses_what_the_tunnel_does_not_take_and_ends_that_are_no_eui():
    heading = build.Heading(1, bytes(8), bytes(8))
    with pytest.raises(ValueError, match=r"too long: the tunnel takes 1500\.$"):
        build.message(heading, 1, 0x0062, bytes(1490), signed=False, ciphered=False)
    with pytest.raises(ValueError, match="8 octets each"):
        build.accepted(heading._replace(recipient=bytes(7)))


def test_the_answer_changes_the_ends():
    heading = build.Heading(5, b"supplier", b"themeter", 9, True, True)
    assert heading.answer() == build.Heading(5, b"themeter", b"supplier")


@pytest.mark.parametrize(("lasted_s", "code"), [(0, 0x8F35), (179, 0x8F35), (180, 0x8F36), (86400, 0x8F36)])
def test_a_restoration_says_when_the_supply_was_out(lasted_s, code):
    heading = build.Heading(5, b"themeter", b"supplier")
    octets = build.restored(heading, 800000000, 800000000 + lasted_s, 900000000)
    assert build.restoration(octets) == (b"themeter", code, 800000000, 800000000 + lasted_s)
    assert build.restoration(build.accepted(heading)) is None
    assert build.restoration(octets[:2] + bytes((build.RESPONSE,)) + octets[3:]) is None
    assert build.restoration(octets.replace(b"\x02\x04\x12", b"\x02\x05\x12")) is None


def test_a_description_says_what_it_is():
    lines = [build.describe(octets_of(vector)) for vector in VECTORS]
    assert len({line.split(",")[0] for line in lines}) >= 12
    ends = "02005e10000000f1 to 02005e1000000001"
    assert lines[0] == f"CS06 activate image a0a1a2a3... at once, {ends}, counter 1000"
    assert lines[1] == f"CS06 activate image a0a1a2a3... at 2031-02-28T23:59:59Z, {ends}, counter 1001"
    assert lines[2] == f"CS06 cancel the activation of image a0a1a2a3..., {ends}, counter 1002"
    padded = next(vector["octets"] for vector in DOC["refused"] if "more octets than needed" in vector["name"])
    assert build.describe(bytes.fromhex(padded)) == "166 octets that are no GBCS message"
    assert build.describe(b"\xdf") == "1 octets that are no GBCS message"


# ---- the public samples

EXPECTED = {
    r"CS06_.*_CANCELLATION_.*COMMAND": gbcs.CANCEL,
    r"CS06_.*_COMMAND": gbcs.ACTIVATE,
    r"CS06_.*FUTURE_DATED_.*RESPONSE": gbcs.ACCEPTED,
    r"CS06_.*IMMEDIATE_.*RESPONSE": gbcs.RESULT,
    r"CS06_.*8F66_.*ALERT": gbcs.DONE,
    r"CS06_.*8F67_.*ALERT": gbcs.FAILED,
    r"ECS52_.*RESPONSE": gbcs.VERSION,
}


def filler_aside(octets):
    """The message without its signature and MAC, which nobody here can make."""
    if octets[0] == 0xDD:
        octets = octets[:-12]
    return octets[:-64] if octets[-65] == 0x40 else octets


def rebuilt(octets, found):
    """What our own builder makes of what was read; the samples' time of sending."""
    sent = 473385600 if octets[29] == 12 else 0
    at = octets.index(b"\xdf") + 3  # an alert's own counter is not that of the command which it names
    heading = build.Heading(int.from_bytes(octets[at : at + 8], "big"), *found[2:4], sent)
    what, number = found[4:]
    return {
        gbcs.ACTIVATE: lambda: build.activate(heading, what, number),
        gbcs.CANCEL: lambda: build.cancel(heading, what),
        gbcs.ACCEPTED: lambda: build.accepted(heading),
        gbcs.RESULT: lambda: build.result(heading, number, what),
        gbcs.DONE: lambda: build.ended(heading, 0, 948013200, what, 1001),
        gbcs.VERSION: lambda: build.version_read(heading, what),
    }[found[0]]()


def test_public_samples():
    files = sorted(SAMPLES.glob("*.hex"))
    if not files:
        pytest.skip("the public GBCS samples (Reference Test Data Set) are not beside this checkout: shared/gbcs-rtds")
    kinds = set()
    for file in files:
        octets = bytes.fromhex(file.read_text("ascii").strip())
        kind = next((kind for pattern, kind in EXPECTED.items() if re.match(pattern, file.name)), None)
        found = gbcs.read(octets)
        assert found == gbcs_oracle.read(octets), file.name
        assert (found and found[0]) == kind, file.name
        assert build.describe(octets).count(", counter ") == 1, file.name
        seen = build.restoration(octets)
        assert (seen is not None) == file.name.startswith("ECS80"), file.name
        if found:
            assert filler_aside(rebuilt(octets, found)) == filler_aside(octets), file.name
        elif seen:
            heading = build.Heading(2003, octets[12:20], octets[21:29])
            made = build.restored(heading, seen.start_utc, seen.end_utc, 473385600)
            assert filler_aside(made) == filler_aside(octets), file.name
        kinds.add(kind)
        for at in range(len(octets)):
            assert gbcs.read(octets[:at]) is None, file.name
    assert {gbcs.ACTIVATE, gbcs.CANCEL, gbcs.ACCEPTED, gbcs.RESULT, gbcs.DONE, gbcs.VERSION, None} == kinds
