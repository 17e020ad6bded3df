"""A store port in memory that fails as flash does; runs on CPython and on MicroPython."""

from chf.journal.records import RECORDS, kind_of, record
from chf.wire.codec import field_width, items, numbers

EIO = 5


class MemoryStore:
    """Files in a dict. `fault` strikes the next write and is then gone.

    ("refuse",): nothing is written. ("tear", n): n octets of an append reach the file, a replace does not take place.
    ("late",): all of it is written. Each then raises OSError, as a driver does that fails, or a supply that goes.
    """

    def __init__(self, files=None):
        self.files = dict(files or {})
        self.fault = None
        self.reads_fail = False
        self.appends = self.replaces = 0
        self.last_write = None  # (which call, octets that reached the file, octets given)
        self._before = dict(self.files)

    def read(self, name):
        if self.reads_fail:
            raise OSError(EIO)
        return self.files.get(name)

    def append(self, name, data):
        self._before = dict(self.files)
        fault, self.fault = self.fault, None
        reached = len(data)
        if fault and fault[0] != "late":
            reached = min(fault[1], reached) if fault[0] == "tear" else 0
        if reached:
            self.files[name] = self.files.get(name, b"") + bytes(data[:reached])
        self.last_write = ("append", reached, len(data))
        if fault:
            raise OSError(EIO)
        self.appends += 1

    def replace(self, name, pieces):
        data = b"".join([bytes(piece) for piece in pieces])
        self._before = dict(self.files)
        fault, self.fault = self.fault, None
        reached = len(data) if fault is None or fault[0] == "late" else 0
        if reached:
            self.files[name] = bytes(data)
        self.last_write = ("replace", reached, len(data))
        if fault:
            raise OSError(EIO)
        self.replaces += 1

    def lose_last_write(self):
        """What a store does that says durable and was not: the write before the power cut never took place."""
        self.files = dict(self._before)


def sample(name, salt=0):
    """Values for one record of that name: every field another one, none of them zero."""
    kind = kind_of(name)
    values = {}
    for index, (field, form) in enumerate(items(record(kind)[1])):
        first = (kind * 7 + index * 31 + salt) % 200 + 3
        octets = bytes((first + k) % 256 for k in range(field_width(form)))
        values[field] = int.from_bytes(octets, "big") if form[0] == "u" else octets
    return values


def samples(salt=0):
    """One record of every kind."""
    return [(name, sample(name, salt)) for name, _ in (record(kind) for kind in numbers(RECORDS))]


def filled(records, name="file"):
    """A store whose one file holds these records."""
    from chf.journal.journal import Journal

    store = MemoryStore()
    Journal(store, name).compact(records)
    return store
