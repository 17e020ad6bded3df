"""Reads the few GBCS messages that tell of a firmware activation, strictly; every other message is None.

SPEC.md, annex D, has the layouts. The hub holds no key of theirs: what is read here is what the message says, unproven.
"""

from chf.wire.schema import UTC_MAX

ACTIVATE = 1  # CS06, the command: at once, or at a time
CANCEL = 2  # CS06, the command that cancels the one before
ACCEPTED = 3  # CS06, the answer: later
RESULT = 4  # CS06, the answer: done now, or why not
DONE = 5  # alert 0x8F66: done at its time
FAILED = 6  # alert 0x8F67: not
VERSION = 7  # ECS52, the answer: the version that runs


def read(octets):
    """Return (kind, counter b8, originator b8, recipient b8, what, number) of one whole message, None for any other.

    octets: bytes, a bytearray or a memoryview, whatever they hold. counter: of the message; DONE and FAILED: of the
    command that they end. `what` and `number`:
    ACTIVATE: image hash b32; s since 2000-01-01T00:00:00Z, or NO_UTC for at once. CANCEL: image hash; 0.
    ACCEPTED: None; 0. RESULT: version b4 or None; 0 (success) to 3. DONE, FAILED: version or None; 0. VERSION: b4; 0.
    """
    end = len(octets)
    if not 36 < end < 265:  # none of them is shorter; from 265 on a length takes one octet more than in any of them
        return None
    at = 0
    if octets[0] == 0xDD:  # general-ciphering, which ends in a MAC of 12 octets
        head = b"\xdd\0\0\0\0\0\0" + bytes((0x81, end - 9) if end > 135 else (end - 8,)) + b"\x11\0\0\0\0"
        at = len(head)
        if octets[:at] != head or end == 136:  # whose length would be 0x81 0x7F
            return None
        end -= 12
    if octets[at] != 0xDF:
        return None
    at += 1
    # General-signing: seven fields, each led by its length: CRA and counter, originator, recipient, time, other
    # information, content, signature. A length is one of two; that of the fifth and sixth may lie between.
    fields = []
    for i in range(7):
        if at >= end:
            return None
        n = octets[at]
        least = b"\x09\x08\x08\x00\x02\x02\x00"[i]
        most = b"\x09\x08\x08\x0c\x7f\x7f\x40"[i]
        if n != least and n != most and not (3 < i < 6 and least < n < most):
            return None
        at += 1
        fields.append(bytes(octets[at : at + n]))
        at += n
    if at != end:
        return None
    counter, originator, recipient, _, info, octets, _ = fields
    kind = counter[0] << 16 | info[0] << 8 | info[1]  # CRA (1 command, 2 response, 3 alert), message code
    what = None
    number = 0
    n = len(octets)
    at = 0
    if kind == 0x020059:
        if octets[:1] + octets[5:10] + octets[14:] != b"\xda\0\0\1\x09\4\1\1\0":
            return None
        kind = VERSION
        what = octets[10:14]
    elif kind == 0x020012:
        kind = ACCEPTED if octets == b"\5\0" else RESULT
    elif kind == 0x010012:
        kind = ACTIVATE
        what = octets[4:36]
        at = 36
        if octets[:4] != bytes((0x30, n - 2, 4, 32)):
            return None
    elif kind == 0x0300CA:
        at = 24
        if octets[:6] != bytes((0x30, n - 2, 2, 3, 0, 0x8F)) or octets[7:9] + octets[23:24] != b"\x18\x0fZ":
            return None
        kind = octets[6] - 0x66 + DONE
        if kind != DONE and kind != FAILED:
            return None
    else:
        return None
    if at:  # INTEGER, the originator's counter: as short as can be, not negative, 64 bits at most
        if n < at + 3 or octets[at] != 2:
            return None
        n = octets[at + 1]
        at += 2 + n
        value = octets[at - n : at]
        if len(value) != n or n > 9 or not b"\0\x80"[: n or 1] <= value < (b"\1" if n == 9 else b"\x80"):
            return None
        if kind >= DONE:  # an alert is about the command that it names
            counter = (bytes(9) + value)[-9:]
    octets = octets[at:]
    n = len(octets)
    if kind == ACTIVATE:
        if octets == b"\x18\x0f99991231235959Z":
            kind = CANCEL
        elif n:
            number = _seconds(octets)
            if not number:  # no such time; or 2000-01-01T00:00:00Z itself, which would read as at once
                return None
    elif kind != ACCEPTED and kind != VERSION:  # SEQUENCE of the result's code and mostly the version
        if (n != 5 and n != 11) or octets[:4] != bytes((0x30, n - 2, 2, 1)) or octets[4] > 3:
            return None
        number = octets[4]
        if n > 5:
            what = octets[7:]
            if octets[5:7] != b"\4\4":
                return None
        if kind != RESULT:
            if number:
                kind = FAILED  # also where 0x8F66 goes with a code that is no success
            number = 0
    return kind, counter[1:], originator, recipient, what, number


def _seconds(text):
    """Return the s since 2000 of a GeneralizedTime YYYYMMDDHHMMSSZ with its tag; None where none up to UTC_MAX."""
    if text[:2] + text[16:] != b"\x18\x0fZ" or not text[2:16].isdigit():
        return None
    year = int(text[2:6]) - 2000
    month = int(text[6:8])
    day = int(text[8:10])
    if year < 0 or month > 12:
        return None
    total = 365 * year + (year + 3) // 4 - (year > 100) + day - 1
    n = 0
    for i in range(1, month + 1):
        total += n
        n = 30 + (i + i // 8) % 2
        if i == 2:
            n = 28 + (year % 4 == 0 and year != 100)
    if not 0 < day <= n:
        return None
    for i in (10, 12, 14):
        n = int(text[i : i + 2])
        most = 24 if i == 10 else 60
        if n >= most:
            return None
        total = total * most + n
    return total if total <= UTC_MAX else None
