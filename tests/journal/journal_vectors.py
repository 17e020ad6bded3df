"""Judges one entry of vectors.json: recovery, the redacted copy, the file after one append. Runs on both Pythons."""

from binascii import hexlify, unhexlify

from journal_stores import MemoryStore

from chf.journal.journal import Journal, redact


def redacted(data):
    """A copy of a file's octets as the bench gets it."""
    copy = bytearray(data)
    redact(copy)
    return bytes(copy)


def plain(values):
    return {k: hexlify(v).decode() if isinstance(v, bytes) else v for k, v in values.items()}


def check(vector):
    """Raises AssertionError with the vector's name."""
    name = vector["name"]
    data = None if vector["file"] is None else unhexlify(vector["file"])
    store = MemoryStore({} if data is None else {"file": data})
    journal = Journal(store, "file")
    for _ in range(2):
        records = [[known, plain(values)] for known, values in journal.recover()]
        assert records == vector["records"], name
        for field in ("fresh", "torn", "damaged", "size", "generation"):
            assert getattr(journal, field) == vector[field], (name, field)
    if data is not None:
        assert redacted(data) == unhexlify(vector["redacted"]), name
    known, values = vector["append"]
    journal.append(known, values)
    assert store.files["file"] == unhexlify(vector["then"]), name
    assert Journal(store, "file").recover()[-1] == (known, values), name
