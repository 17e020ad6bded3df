"""The schema's texts, looked up; and bodies: the fields of a message or a journal record, to octets and back."""

from chf.wire.schema import GBCS_MAX, LINKS, MESSAGES

_WIDTHS = {"*": 0}  # kind: octets, of all that _split() has met: reading a kind costs more than its field
_NOTHING = ("", (), 0)
_last = _NOTHING  # what _split() gave: a message is measured, then unpacked, so the last split is worth keeping
_known: tuple = ()  # (number, what message() gives) of the last two: each is looked up again and again


def _split(fields):
    """Return (fields, [name, kind, name, kind, ...], their fixed octets) of a schema's string of fields."""
    global _last
    if not fields:
        return _NOTHING  # and the split of the last that has fields is kept
    last = _last  # read once and replaced whole: on the host, threads share it
    if last[0] is not fields:
        flat = fields.replace(" ", ":").split(":")
        last = _last = (fields, flat, sum([field_width(kind) for kind in flat[1::2]]))
    return last


def row(table, number):
    """Return the words after the number on its line of MESSAGES or RECORDS, None where there is no such line."""
    start = table.find("\n%02x " % number)
    return None if start < 0 else table[start + 4 : table.index("\n", start + 1)]


def number_of(table, name):
    """Return the number of the message or record of that name, None where there is none; each name stands once."""
    at = table.find(" " + name + " ")
    return None if at < 2 or table[at - 3] != "\n" else int(table[at - 2 : at], 16)


def numbers(table):
    """Return the numbers of all lines, in order."""
    return [int(line[:2], 16) for line in table.strip().split("\n")]


def message(number):
    """Return (name, link, sent by the hub, carries a MAC, fields) of a message type, None where there is none."""
    global _known
    known = _known  # as _last
    for its_number, found in known:
        if its_number == number:
            return found
    line = row(MESSAGES, number)
    if line is None:
        return None
    name, link, way, mac, fields = line.split(" ", 4)
    found = (name, LINKS[link], way == "<hub", mac == "mac", "" if fields == "-" else fields)
    _known = ((number, found), known[0]) if known else ((number, found),)
    return found


def type_of(name):
    """Return the type octet of a message, None where there is no such message."""
    for number, found in _known:
        if found[0] == name:
            return number
    return number_of(MESSAGES, name)


def items(fields):
    """Return [name, kind] of each field of a schema's string of fields."""
    return [item.split(":") for item in fields.split()]


def field_width(kind):
    """Return the octets of one field of that kind; 0 for "*"."""
    octets = _WIDTHS.get(kind)
    if octets is None:
        octets = _WIDTHS[kind] = int(kind[1:]) // 8 if kind[0] == "u" else int(kind[1:])
    return octets


def width(fields):
    """Return the fixed octets of those fields; a "*" field counts 0."""
    return _split(fields)[2]


def fits(fields, length):
    """Say whether a body of `length` octets can be these fields; a "*" field takes up to GBCS_MAX octets."""
    rest = length - width(fields)
    return 0 <= rest <= GBCS_MAX if fields.endswith("*") else rest == 0


def pack(fields, values, head=b""):
    """Return `head` and the octets of the fields in one bytearray, so that a long field is copied but once.

    values: a dict with exactly the fields' names. Raises ValueError with one sentence.
    """
    at = len(head)
    _, flat, octets = _split(fields)
    out = bytearray(at + octets)
    out[:at] = head
    for i in range(0, len(flat), 2):
        name = flat[i]
        kind = flat[i + 1]
        if name not in values:
            raise ValueError("field '%s' is missing" % name)
        value = values[name]
        size = _WIDTHS[kind]
        if kind[0] == "u":
            if not isinstance(value, int) or value >> (8 * size):
                raise ValueError("field '%s' takes an integer of 0 to 2**%d - 1" % (name, 8 * size))
            for k in range(at + size - 1, at - 1, -1):
                out[k] = value & 0xFF
                value >>= 8
        elif not isinstance(value, (bytes, bytearray, memoryview)):
            raise ValueError("field '%s' takes octets" % name)
        elif kind == "*":
            if len(value) > GBCS_MAX:
                raise ValueError("field '%s' takes at most %d octets" % (name, GBCS_MAX))
            out.extend(value)
        else:
            if len(value) != size:
                raise ValueError("field '%s' takes %d octets" % (name, size))
            out[at : at + size] = value
        at += size
    if 2 * len(values) != len(flat):
        raise ValueError("there is no field '%s' here" % next(name for name in values if name not in flat[::2]))
    return out


def unpack(fields, buf, start, end):
    """Return the fields in buf[start:end] as a dict of integers and octets; None when the length does not fit.

    A "*" field is a view of buf, which may be long: copy what is to outlast the next frame.
    """
    if not fits(fields, end - start):
        return None
    flat = _split(fields)[1]
    values: dict = {}
    for i in range(0, len(flat), 2):
        kind = flat[i + 1]
        stop = end if kind == "*" else start + _WIDTHS[kind]
        if kind[0] == "u":
            number = 0
            for k in range(start, stop):
                number = number << 8 | buf[k]
            values[flat[i]] = number
        else:
            octets = memoryview(buf)[start:stop]
            values[flat[i]] = octets if kind == "*" else bytes(octets)
        start = stop
    return values
