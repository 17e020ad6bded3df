"""Framing: octet-stuffed frames with a 16-bit frame check sequence; nothing about what is inside.

Source: RFC 1662, section 4 (octet stuffing, every control octet in the ACCM) and C.2 (FCS-16, that is CRC-16/X.25).
"""

from array import array

from chf.wire.schema import DROP_ABORT, DROP_FCS, DROP_LONG, DROP_SHORT, DROPS, FCS_LEN, FRAME_MAX, HEADER_LEN

try:
    # Optional, compiled for one architecture: the loop of Framer.push, octet for octet, in machine code.
    from chf.wire.framer_viper import take as _take
except (ImportError, ValueError, SyntaxError):  # not there; for another architecture; no native emitter
    _take = None

FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_XOR = 0x20
FIRST_PLAIN = 0x20  # octets below it are always escaped: on a REPL port a bare 0x03 is an interrupt
FCS_INIT = 0xFFFF
FCS_GOOD = 0xF0B8  # the running value over content and FCS of every good frame
STUFFED_MAX = 2 * FRAME_MAX + 2  # octets: each one escaped, and the two flags

_POLYNOMIAL = 0x8408  # x^16 + x^12 + x^5 + 1, least significant bit first
_HUNTING = -1  # in place of a length: octets up to the next flag are not looked at


def _table(octets):
    """What one octet of 0 to 255 makes of an FCS of 0, once so many octets have passed: itself, and zeros after it."""
    table = array("H", bytes(512))
    for octet in range(256):
        value = octet
        for _ in range(8 * octets):
            value = (value >> 1) ^ _POLYNOMIAL if value & 1 else value >> 1
        table[octet] = value
    return table


_FCS_TABLE = _table(1)
_FCS_TABLE_2 = _table(2)  # for the first of two octets that are taken at once
# 1 for each octet that does not stand for itself inside a frame: in the hot loops one look-up, not three compares.
SPECIAL = bytes(1 if c < FIRST_PLAIN or c in (ESCAPE, FLAG) else 0 for c in range(256))


def count_drop(drops, reason):
    """Add one to the count of `reason` in a table of DROPS counts of two octets, most significant first, saturating."""
    at = 2 * reason
    if drops[at + 1] < 0xFF:
        drops[at + 1] += 1
    elif drops[at] < 0xFF:
        drops[at] += 1
        drops[at + 1] = 0


def fcs16(buf, start, end, fcs=FCS_INIT):
    """Return the running FCS of buf[start:end], before the final inversion (RFC 1662, C.2)."""
    table = _FCS_TABLE
    table_2 = _FCS_TABLE_2
    for i in range(start, end - 1, 2):
        fcs = table_2[(fcs ^ buf[i]) & 0xFF] ^ table[(fcs >> 8) ^ buf[i + 1]]
    if (end - start) & 1:
        fcs = (fcs >> 8) ^ table[(fcs ^ buf[end - 1]) & 0xFF]
    return fcs


def put(out, k, c):
    """Write one octet of a frame at out[k], escaped where it must be; return the index after it."""
    if SPECIAL[c]:
        out[k] = ESCAPE
        k += 1
        c ^= ESCAPE_XOR
    out[k] = c
    return k + 1


def stuff(content, n, out):
    """Write content[:n] as one frame into the bytearray `out`; return how many octets that took.

    A frame of n octets of content takes at most 2 * (n + FCS_LEN) + 2 octets; STUFFED_MAX holds any. Allocates nothing.
    """
    special = SPECIAL
    table = _FCS_TABLE
    fcs = FCS_INIT
    out[0] = FLAG
    k = 1
    for i in range(n):
        c = content[i]
        fcs = (fcs >> 8) ^ table[(fcs ^ c) & 0xFF]
        if special[c]:  # put(), written out: a call for each octet would double the cost
            out[k] = ESCAPE
            k += 1
            c ^= ESCAPE_XOR
        out[k] = c
        k += 1
    fcs ^= 0xFFFF
    k = put(out, k, fcs & 0xFF)  # least significant octet first
    k = put(out, k, fcs >> 8)
    out[k] = FLAG
    return k + 1


class Framer:
    """Finds the good frames in a stream of octets. Made once, it allocates nothing more.

    buf    the frame's content, valid while `ready` is not 0 and until the next push
    ready  octets of content in buf, FCS left out; 0: no frame
    drops  how many frames were dropped, by reason: DROPS counts of two octets, most significant first, saturating;
           pass one table to all framers and endpoints of a hub, which reports it in its State
    """

    def __init__(self, size=FRAME_MAX, drops=None):
        self.size = size
        self.buf = bytearray(size + 1)  # one octet more than the longest frame, to see that a frame is too long
        self._buf_1 = memoryview(self.buf)[1:]  # to store at n + 1 without a sum
        self.ready = 0
        self.drops = bytearray(2 * DROPS) if drops is None else drops
        self._n = _HUNTING
        self._fcs = FCS_INIT
        self._escaped = False
        self.viper = None
        if _take is not None:
            # registers: octets in buf + 1 (0: hunting), running FCS, escaped, size, ready
            self.viper = (array("H", (0, FCS_INIT, 0, size, 0)), self.buf, self.drops, _FCS_TABLE)

    def count(self, reason):
        """Count one dropped frame under the DROP_ reason."""
        count_drop(self.drops, reason)

    def reset(self):
        """Forget a frame that is half received: the line was opened anew."""
        self.ready = 0
        self._n = _HUNTING
        self._escaped = False
        if self.viper:
            self.viper[0][0] = 0

    def push(self, src, at, end):
        """Take octets of src[at:end] up to the end of the next good frame; return the index of the first not taken.

        When `ready` is not 0 a frame is in buf: use it before the next push. A frame that is not good is counted and
        passed over. Allocates nothing.
        """
        if self.viper:
            at = _take(self.viper, src, at, end)
            self.ready = self.viper[0][4]
            return at
        # The first 16 locals are the fast ones, and these are all.
        n = self._n
        fcs = self._fcs
        escaped = self._escaped
        buf = self.buf
        buf_1 = self._buf_1
        special = SPECIAL
        table = _FCS_TABLE
        table_2 = _FCS_TABLE_2
        ready = 0
        while at < end:
            # One octet, whatever it is.
            c = src[at]
            at += 1
            if c == FLAG:
                # It ends a frame and begins the next.
                if n > self.size:
                    self.count(DROP_LONG)
                elif escaped:
                    self.count(DROP_ABORT)
                elif n >= HEADER_LEN + FCS_LEN:
                    if fcs == FCS_GOOD:
                        ready = n - FCS_LEN
                    else:
                        self.count(DROP_FCS)
                elif n > 0:
                    self.count(DROP_SHORT)
                n = 0
                fcs = FCS_INIT
                escaped = False
                if ready:
                    break
            elif n < 0:
                continue
            elif n > self.size:
                self.count(DROP_LONG)
                n = _HUNTING
                continue
            elif c < FIRST_PLAIN:
                continue  # a bare control octet was put in by the line (RFC 1662, 4.2): it is no part of the frame
            elif c == ESCAPE and not escaped:
                escaped = True
                continue
            else:
                if escaped:
                    escaped = False
                    c ^= ESCAPE_XOR
                buf[n] = c
                n += 1
                fcs = (fcs >> 8) ^ table[(fcs ^ c) & 0xFF]
            # Then two of the content at once, escaped or not: as far as four octets are there, and room for two in buf.
            last = at + self.size - n
            if last > end - 3:
                last = end - 3
            while at < last:
                c = src[at]
                d = src[at + 1]
                if special[c]:
                    if c != ESCAPE or special[d]:
                        break
                    c = d ^ ESCAPE_XOR
                    at += 1
                    d = src[at + 1]
                if special[d]:
                    if d != ESCAPE or special[src[at + 2]]:
                        at += 1
                        buf[n] = c
                        n += 1
                        fcs = (fcs >> 8) ^ table[(fcs ^ c) & 0xFF]
                        break
                    at += 1
                    d = src[at + 1] ^ ESCAPE_XOR
                at += 2
                buf[n] = c
                buf_1[n] = d
                n += 2
                fcs = table_2[(fcs ^ c) & 0xFF] ^ table[(fcs >> 8) ^ d]
        self.ready = ready
        self._n = n
        self._fcs = fcs
        self._escaped = escaped
        return at
