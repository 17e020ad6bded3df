"""The journal: checked records in one power-safe file; append, recover, compact. SPEC.md here gives every octet."""

from binascii import crc32

from chf.journal.layout import (
    HEAD_LEN,
    HEADER_LEN,
    LARGEST,
    MAGIC,
    MARK_DAMAGED,
    OVERHEAD,
    SIZES,
    frame_of,
    header_of,
    seal,
)
from chf.journal.records import JOURNAL_VERSION, kind_of, record
from chf.wire.codec import unpack

FILES = ("counters.chj", "outages.chj")  # by schema.JOURNAL_COUNTERS and JOURNAL_OUTAGES
LIMIT = 4096  # octets: one erase block of most NOR flash, so that an append copies and erases one block at most


class Journal:
    """One journal file over a store port.

    The store: read(name) -> bytes, or None where there is no such file; append(name, data) and replace(name,
    pieces), both durable on return, replace atomic; all raise OSError where the storage fails.

    fresh: there was no file. torn: octets cut off at the tail by a power cut. damaged: something beyond a torn tail was
    lost, now or in an earlier generation, and mend() has not been called since; whoever knows that a fresh file should
    have been there sets it. size: octets of the file that count. generation: how often the file was written whole.
    limit: octets, advice only: append() never refuses. behind: set by its owner where the store refused a record, so
    that the file says too little; compact() and mend() end it.
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
        self.behind = False

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
        frame = frame_of(name, values)
        seal(frame, self._seq)
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
        return max(self.size, HEADER_LEN) + OVERHEAD + SIZES[kind_of(name)] <= self.limit

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
        head = header_of(data) if data is not None else None
        if data is None or len(data) != self.size or (head[2] if head else 0) != self.generation:
            self._dirty = True
        self._unsure = False

    def _load(self, data, take):
        """Judge a file's octets; call take(view, start, end) for each record that counts."""
        from chf.journal import walk  # not kept: a hub reads its journals when it boots, and after a write that failed

        self.damaged, self.generation, self.torn, self._dirty, self._seq, self.size = walk.judge(data, self.fresh, take)

    def _rewrite(self, name, values):
        """Append by writing the file whole, without what a power cut, damage or a failed write has left in it."""
        data = self._store.read(self._name) or b""
        damaged = self.damaged
        head = header_of(data)
        if (head[2] if head else 0) == self.generation:  # else a replace() that raised has taken place all the same
            damaged = damaged or len(data) < self.size
            data = memoryview(data)[: self.size]  # what a failed append left is not to surface later
        kept = []
        self._load(data, lambda view, start, end: kept.append((start, end)))
        self.damaged = self.damaged or damaged
        self._replace(_frames(data, kept, name, values), self.damaged)

    def _write(self, records, marked):
        self._know()
        self._replace((frame_of(name, values) for name, values in records), marked and self.damaged)
        self.behind = False

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
    yield frame_of(name, values)


def _sealed(header, frames, written):
    """The octets of a generation in pieces: a small heap has no hole as long as a file."""
    yield header
    for frame in frames:
        seal(frame, written[1])
        written[0] += len(frame)
        written[1] = (written[1] + 1) & 0xFFFF
        yield frame


def redact(data):
    """Take every key out of a file's octets, a bytearray, in place: for JournalRequest."""
    from chf.journal import walk

    walk.redact(data)
