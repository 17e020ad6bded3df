"""The journal: checked records in one power-safe file; append, recover, compact. SPEC.md here gives every octet."""

from binascii import crc32

from chf.journal.records import JOURNAL_VERSION, RECORDS, kind_of, record
from chf.wire.codec import field_width, items, numbers, pack, unpack

FILES = ("counters.chj", "outages.chj")  # by schema.JOURNAL_COUNTERS and JOURNAL_OUTAGES
LIMIT = 4096  # octets: one erase block of most NOR flash, so that an append copies and erases one block at most

MAGIC = b"CHFJ"
HEADER_LEN = 16  # magic 4, version 1, mark 1, generation 4, first sequence number 2, CRC 4
HEAD_LEN = 5  # of a record: kind, length, length inverted, sequence number 2
OVERHEAD = HEAD_LEN + 4  # ... and the CRC after the payload
MARK_DAMAGED = 1  # in the header: this generation was made from a damaged one, and has not been mended since

# The CRC of a record starts from this one, so that a record of another version never checks, even under a lost header.
_SEED = crc32(MAGIC + bytes((JOURNAL_VERSION,)))

_SIZES = {}  # kind: octets of the payload
_SECRETS = {}  # kind: where its key begins and ends in the payload
for _kind in numbers(RECORDS):
    _at = 0
    for _field, _form in items(record(_kind)[1]):
        if _field == "key":
            _SECRETS[_kind] = (_at, _at + field_width(_form))
        _at += field_width(_form)
    _SIZES[_kind] = _at
LARGEST = OVERHEAD + max(_SIZES.values())  # octets of the longest record


def _frame(name, values):
    """One record, but for what _seal() adds."""
    kind = kind_of(name)
    size = _SIZES[kind]
    frame = bytearray(OVERHEAD + size)
    frame[0] = kind
    frame[1] = size
    frame[2] = size ^ 0xFF
    frame[HEAD_LEN:-4] = pack(record(kind)[1], values)
    return frame


def _seal(frame, seq):
    """Give a record its sequence number and CRC."""
    frame[3] = seq >> 8
    frame[4] = seq & 0xFF
    frame[-4:] = crc32(memoryview(frame)[:-4], _SEED).to_bytes(4, "big")


def _header(view):
    """(version, mark, generation, first sequence number) of a file, or None where the header does not check."""
    whole = len(view) >= HEADER_LEN and bytes(view[:4]) == MAGIC
    if not whole or crc32(view[:12]) != int.from_bytes(view[12:16], "big"):
        return None
    return view[4], view[5], int.from_bytes(view[6:10], "big"), view[10] << 8 | view[11]


def _end(view, at):
    """The offset after the record that begins at `at`, or 0 where no whole record with a true CRC does."""
    left = len(view) - at
    if left < OVERHEAD:
        return 0
    size = view[at + 1]
    if view[at + 2] ^ size != 0xFF or left < OVERHEAD + size:
        return 0
    end = at + OVERHEAD + size
    return end if crc32(view[at : end - 4], _SEED) == int.from_bytes(view[end - 4 : end], "big") else 0


def _is_torn(view, at, seq):
    """Whether all that is left from `at` is a proper prefix of a well-formed record with this sequence number."""
    size = _SIZES.get(view[at])
    if size is None:
        return False
    head = bytes((view[at], size, size ^ 0xFF, seq >> 8, seq & 0xFF))
    if not head.startswith(bytes(view[at : at + HEAD_LEN])):
        return False
    end = at + HEAD_LEN + size
    if end >= len(view):
        return True
    rest = bytes(view[end : end + 5])  # begins the CRC, or is no part of a torn record
    return crc32(view[at:end], _SEED).to_bytes(4, "big")[: len(rest)] == rest


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


class Journal:
    """One journal file over a store port.

    The store: read(name) -> bytes, or None where there is no such file; append(name, data) and replace(name,
    pieces), both durable on return, replace atomic; all raise OSError where the storage fails.

    fresh: there was no file. torn: octets cut off at the tail by a power cut. damaged: something beyond a torn tail was
    lost, now or in an earlier generation, and mend() has not been called since; whoever knows that a fresh file should
    have been there sets it. size: octets of the file that count. generation: how often the file was written whole.
    limit: octets, advice only: append() never refuses.
    """

    def __init__(self, store, name, limit=LIMIT):
        self._store = store
        self._name = name
        self.limit = limit
        self.fresh = self.damaged = False
        self.torn = self.size = self.generation = 0
        self._seq = None  # of the next record; None before the first recovery
        self._dirty = True  # what follows octet `size` is not known to be nothing
        self._unsure = False  # a write has failed: the file may be what it was, or not

    def recover(self):
        """Read the file: a list of (record name, values), oldest first. No octets raise; OSError of the store does."""
        records = []
        self.replay(lambda name, values: records.append((name, values)))
        return records

    def replay(self, take):
        """recover() with one record in memory at a time: take(record name, values) is called for each."""

        def decode(view, start, end):
            name, fields = record(view[start])
            take(name, unpack(fields, view, start + HEAD_LEN, end - 4))

        data = self._store.read(self._name)
        self.fresh = data is None
        self._load(b"" if data is None else data, decode)

    def append(self, name, values):
        """Add one record, durable on return. OSError: it may be in the file none the less, until the next append."""
        self._know()
        if self._unsure:
            self._look()
        if self._dirty:
            self._rewrite(name, values)
            return
        frame = _frame(name, values)
        _seal(frame, self._seq)
        self._unsure = True
        self._store.append(self._name, frame)
        self._unsure = False
        self._seq = (self._seq + 1) & 0xFFFF
        self.size += len(frame)

    def compact(self, records):
        """Replace the file by a new generation of these (name, values), an iterable; the damage mark stays. OSError."""
        self._write(records, True)

    def mend(self, records):
        """compact() without the damage mark: what was lost has been agreed anew with the peers. OSError."""
        self._write(records, False)

    def room(self, name):
        """Whether a record of this name still fits under the limit."""
        return max(self.size, HEADER_LEN) + OVERHEAD + _SIZES[kind_of(name)] <= self.limit

    @property
    def full(self):
        """Whether some record would no longer fit under the limit: time to compact."""
        return max(self.size, HEADER_LEN) + LARGEST > self.limit

    def _know(self):
        if self._seq is None:
            damaged = self.damaged  # its owner may have set it when the first read failed
            self.replay(lambda name, values: None)
            self.damaged = self.damaged or damaged

    def _look(self):
        """After a write that failed: is the file what it was? Then one that cannot be rewritten still takes appends."""
        data = self._store.read(self._name)
        head = _header(data) if data is not None else None
        if data is None or len(data) != self.size or (head[2] if head else 0) != self.generation:
            self._dirty = True
        self._unsure = False

    def _load(self, data, take):
        """Judge a file's octets; call take(view, start, end) for each record that counts."""
        view = memoryview(data)
        head = _header(view)
        version, mark, self.generation, seq = head or (JOURNAL_VERSION, 0, 0, None)
        bad = not (head or self.fresh) or version != JOURNAL_VERSION
        at = len(view) if version != JOURNAL_VERSION else HEADER_LEN if head else 0
        self.torn = 0
        for start, end, step in _walk(view, at, seq):
            bad = bad or start != at or step > 0
            at = end
            if step < 0:
                self.torn = end - start
            elif step < 0x8000:
                seq = (view[start + 3] << 8 | view[start + 4]) + 1 & 0xFFFF
                if _SIZES.get(view[start]) == view[start + 1]:
                    take(view, start, end)
                else:
                    bad = True  # a newer firmware's record: it may have revoked what an older one still grants
        bad = bad or at != len(view)
        self.damaged = bad or mark != 0
        self._dirty = bad or self.torn > 0 or self.fresh
        self._seq = seq or 0
        self.size = len(view) - self.torn

    def _rewrite(self, name, values):
        """Append by writing the file whole, without what a power cut, damage or a failed write has left in it."""
        data = self._store.read(self._name) or b""
        damaged = self.damaged
        head = _header(data)
        if (head[2] if head else 0) == self.generation:  # else a replace() that raised has taken place all the same
            damaged = damaged or len(data) < self.size
            data = memoryview(data)[: self.size]  # what a failed append left is not to surface later
        kept = []
        self._load(data, lambda view, start, end: kept.append((start, end)))
        self.damaged = self.damaged or damaged
        self._replace(_frames(data, kept, name, values), self.damaged)

    def _write(self, records, marked):
        self._know()
        self._replace((_frame(name, values) for name, values in records), marked and self.damaged)

    def _replace(self, frames, damaged):
        """Make frames, an iterable of records that are not sealed, the file's next generation."""
        generation = (self.generation + 1) & 0xFFFFFFFF
        first = self._seq
        written = [HEADER_LEN, first]  # octets, and the number of the next record
        header = bytearray(HEADER_LEN)
        header[:4] = MAGIC
        header[4] = JOURNAL_VERSION
        header[5] = MARK_DAMAGED if damaged else 0
        header[6:10] = generation.to_bytes(4, "big")
        header[10:12] = first.to_bytes(2, "big")
        header[12:16] = crc32(memoryview(header)[:12]).to_bytes(4, "big")
        self._unsure = True
        self._store.replace(self._name, _sealed(header, frames, written))
        self._unsure = self._dirty = self.fresh = False
        self.damaged = damaged
        self.torn = 0
        self.generation = generation
        self.size, self._seq = written


def _frames(data, kept, name, values):
    """The records at the places `kept` of data, then one more."""
    for start, end in kept:
        yield bytearray(data[start:end])
    yield _frame(name, values)


def _sealed(header, frames, written):
    """The octets of a generation in pieces: a small heap has no hole as long as a file."""
    yield header
    for frame in frames:
        _seal(frame, written[1])
        written[0] += len(frame)
        written[1] = (written[1] + 1) & 0xFFFF
        yield frame


def redact(data):
    """Take every key out of a file's octets, a bytearray, in place: for JournalRequest.

    The key fields of whole records become zeros and their CRC is made anew. So do the payloads of kinds unknown here
    and all octets that belong to no record, since a damaged record may hold a key.
    """
    view = memoryview(data)
    head = _header(view)
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
    if size == 0 or (_SIZES.get(kind) == size and kind not in _SECRETS):
        return
    whole = bytearray(OVERHEAD + size)
    whole[: end - start] = data[start:end]
    low, high = _SECRETS[kind] if _SIZES.get(kind) == size else (0, size)
    whole[HEAD_LEN + low : HEAD_LEN + high] = bytes(high - low)
    _seal(whole, whole[3] << 8 | whole[4])
    data[start:end] = whole[: end - start]
