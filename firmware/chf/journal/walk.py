"""Reads a journal file's octets: which records count, what a power cut has torn, what is damaged; redacts them."""

from binascii import crc32

from chf.journal.layout import HEAD_LEN, HEADER_LEN, OVERHEAD, SECRETS, SEED, SIZES, header_of, seal
from chf.journal.records import JOURNAL_VERSION


def _end(view, at):
    """The offset after the record that begins at `at`, or 0 where no whole record with a true CRC does."""
    left = len(view) - at
    if left < OVERHEAD:
        return 0
    size = view[at + 1]
    if view[at + 2] ^ size != 0xFF or left < OVERHEAD + size:
        return 0
    end = at + OVERHEAD + size
    return end if crc32(view[at : end - 4], SEED) == int.from_bytes(view[end - 4 : end], "big") else 0


def _is_torn(view, at, seq):
    """Whether all that is left from `at` is a proper prefix of a well-formed record with this sequence number."""
    size = SIZES.get(view[at])
    if size is None:
        return False
    head = bytes((view[at], size, size ^ 0xFF, seq >> 8, seq & 0xFF))
    if not head.startswith(bytes(view[at : at + HEAD_LEN])):
        return False
    end = at + HEAD_LEN + size
    if end >= len(view):
        return True
    rest = bytes(view[end : end + 5])  # begins the CRC, or is no part of a torn record
    return crc32(view[at:end], SEED).to_bytes(4, "big")[: len(rest)] == rest


def _walk(view, at, seq):
    """Yield (start, end, step) for each whole record from `at` on, and for a torn tail with step -1.

    step is how far the record's sequence number lies ahead of the due one, modulo 2**16: 0 in good order, under 0x8000
    after a gap, above it a record of the past. seq is the number due first, None where the header did not tell.
    """
    in_step = True
    while at < len(view):
        end = _end(view, at)
        if end:
            got = view[at + 3] << 8 | view[at + 4]
            step = 0 if seq is None else (got - seq) & 0xFFFF
            yield at, end, step
            if step < 0x8000:
                seq = (got + 1) & 0xFFFF
            at = end
            in_step = True
        elif in_step and seq is not None and _is_torn(view, at, seq):
            # Asked before any search: a torn payload may hold octets that look like a record.
            yield at, len(view), -1
            return
        else:
            in_step = False
            at += 1


def judge(data, fresh, take):
    """Return (damaged, generation, torn, dirty, next sequence number, size) of a file's octets, as Journal has them.

    fresh: there is no file. take(view, start, end) is called for each record that counts.
    """
    view = memoryview(data)
    head = header_of(view)
    version, mark, generation, seq = head or (JOURNAL_VERSION, 0, 0, None)
    bad = not (head or fresh) or version != JOURNAL_VERSION
    at = len(view) if version != JOURNAL_VERSION else HEADER_LEN if head else 0
    torn = 0
    for start, end, step in _walk(view, at, seq):
        bad = bad or start != at or step > 0
        at = end
        if step < 0:
            torn = end - start
        elif step < 0x8000:
            seq = (view[start + 3] << 8 | view[start + 4]) + 1 & 0xFFFF
            if SIZES.get(view[start]) == view[start + 1]:
                take(view, start, end)
            else:
                bad = True  # a newer firmware's record: it may have revoked what an older one still grants
    bad = bad or at != len(view)
    return bad or mark != 0, generation, torn, bad or torn > 0 or fresh, seq or 0, len(view) - torn


def redact(data):
    """Take every key out of a file's octets, a bytearray, in place: for JournalRequest.

    The key fields of whole records become zeros and their CRC is made anew. So do the payloads of kinds unknown here
    and all octets that belong to no record, since a damaged record may hold a key.
    """
    view = memoryview(data)
    head = header_of(view)
    at = HEADER_LEN if head else 0
    if head is None or head[0] == JOURNAL_VERSION:
        for start, end, _step in _walk(view, at, head[3] if head else None):
            _zero(data, at, start)
            _blank(data, start, end)
            at = end
    _zero(data, at, len(data))


def _zero(data, start, end):
    for at in range(start, end):
        data[at] = 0


def _blank(data, start, end):
    """Zero what may be a key in the record, whole or torn, that lies at start..end of data."""
    kind, size = data[start], data[start + 1] if end - start > HEAD_LEN else 0
    if size == 0 or (SIZES.get(kind) == size and kind not in SECRETS):
        return
    whole = bytearray(OVERHEAD + size)
    whole[: end - start] = data[start:end]
    low, high = SECRETS[kind] if SIZES.get(kind) == size else (0, size)
    whole[HEAD_LEN + low : HEAD_LEN + high] = bytes(high - low)
    seal(whole, whole[3] << 8 | whole[4])
    data[start:end] = whole[: end - start]
