"""The octets of a journal file: its header, the frame of a record, the CRC. SPEC.md here gives every one."""

from binascii import crc32

from chf.journal.records import JOURNAL_VERSION, RECORDS, kind_of, record
from chf.wire.codec import field_width, items, numbers, pack

MAGIC = b"CHFJ"
HEADER_LEN = 16  # magic 4, version 1, mark 1, generation 4, first sequence number 2, CRC 4
HEAD_LEN = 5  # of a record: kind, length, length inverted, sequence number 2
OVERHEAD = HEAD_LEN + 4  # ... and the CRC after the payload
MARK_DAMAGED = 1  # in the header: this generation was made from a damaged one, and has not been mended since

# The CRC of a record starts from this one, so that a record of another version never checks, even under a lost header.
SEED = crc32(MAGIC + bytes((JOURNAL_VERSION,)))

SIZES = {}  # kind: octets of the payload
SECRETS = {}  # kind: where its key begins and ends in the payload
for _kind in numbers(RECORDS):
    _at = 0
    for _field, _form in items(record(_kind)[1]):
        if _field == "key":
            SECRETS[_kind] = (_at, _at + field_width(_form))
        _at += field_width(_form)
    SIZES[_kind] = _at
LARGEST = OVERHEAD + max(SIZES.values())  # octets of the longest record


def frame_of(name, values):
    """One record, but for what seal() adds."""
    kind = kind_of(name)
    size = SIZES[kind]
    frame = bytearray(OVERHEAD + size)
    frame[0] = kind
    frame[1] = size
    frame[2] = size ^ 0xFF
    frame[HEAD_LEN:-4] = pack(record(kind)[1], values)
    return frame


def seal(frame, seq):
    """Give a record its sequence number and CRC."""
    frame[3] = seq >> 8
    frame[4] = seq & 0xFF
    frame[-4:] = crc32(memoryview(frame)[:-4], SEED).to_bytes(4, "big")


def header_of(view):
    """(version, mark, generation, first sequence number) of a file, or None where the header does not check."""
    whole = len(view) >= HEADER_LEN and bytes(view[:4]) == MAGIC
    if not whole or crc32(view[:12]) != int.from_bytes(view[12:16], "big"):
        return None
    return view[4], view[5], int.from_bytes(view[6:10], "big"), view[10] << 8 | view[11]
