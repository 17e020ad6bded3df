"""The last things that happened in the core, in a ring of fixed size: for the bench's TraceRequest."""

ENTRY_LEN = 8  # tick 4, what 1, detail 1, value 2; most significant octet first
ENTRIES = 64


class Trace:
    """put() allocates nothing."""

    def __init__(self):
        self._ring = bytearray(ENTRY_LEN * ENTRIES)
        self._next = 0
        self._held = 0
        self.lost = 0

    def put(self, tick: int, what: int, detail: int, value: int) -> None:
        """`what`: an event's kind, or an effect's kind + 0x80. `detail`, `value`: see the wire's SPEC.md, annex A."""
        ring = self._ring
        at = self._next
        ring[at] = tick >> 24 & 0xFF
        ring[at + 1] = tick >> 16 & 0xFF
        ring[at + 2] = tick >> 8 & 0xFF
        ring[at + 3] = tick & 0xFF
        ring[at + 4] = what
        ring[at + 5] = detail
        ring[at + 6] = value >> 8 & 0xFF
        ring[at + 7] = value & 0xFF
        at += ENTRY_LEN
        self._next = 0 if at == len(ring) else at
        if self._held < ENTRIES:
            self._held += 1
        else:
            self.lost += 1

    def read(self) -> bytes:
        """All entries, oldest first."""
        size = self._held * ENTRY_LEN
        if size < len(self._ring):
            return bytes(self._ring[:size])
        return bytes(self._ring[self._next :]) + bytes(self._ring[: self._next])
