"""The reference: the shipped shell and core on the memory board, whose time, lines and power the replay gives."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from typing import Any

from chf.core import events, limits
from chf.core.ticks import MASK, add, diff
from chf.journal.journal import FILES
from chf.shell import Shell
from chf.wire import schema as s
from chf.wire.auth import Key
from host_tools import frames
from host_tools.link.capture import FLASH_DAMAGED, FLASH_FAILING, FLASH_WORKING, Lines
from host_tools.replay.memory_board import Board, Restarted, Store

# (captured hub's next transmission about that outage, from ms, to ms) -> ms, None where there is none
NextOf = Callable[[bytes, int, int], int | None]
OnSaid = Callable[[int, bytes], None]


class _Store(Store):
    """Remembers what each write changed, and when."""

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        self._reference = reference
        self.failing = False
        self.writes: list[tuple[int, str, bytes | None]] = []  # ms, name, what the file was before

    def append(self, name: str, data: bytes) -> None:
        self._refuse()
        self.writes.append((self._reference.now_ms, name, self.files.get(name)))
        super().append(name, data)

    def replace(self, name: str, pieces: Any) -> None:
        self._refuse()
        self.writes.append((self._reference.now_ms, name, self.files.get(name)))
        super().replace(name, pieces)

    def _refuse(self) -> None:
        if self.failing:
            raise OSError(errno.EIO, "the flash takes no writes")

    def damage(self, name: str) -> None:
        """Flip one bit in the middle of a file."""
        octets = bytearray(self.files.get(name, b""))
        if octets:
            octets[len(octets) // 2] ^= 0x10
            self.files[name] = bytes(octets)

    def tear(self, count: int) -> None:
        for _ in range(min(count, len(self.writes))):
            _, name, before = self.writes.pop()
            if before is None:
                del self.files[name]
            else:
                self.files[name] = before


class _Board(Board):
    """Draws what the replay wants to be drawn."""

    def __init__(
        self, store: Store, text: str, strapped: bool, reset: int, now: int, draw: Callable[[int], bytes]
    ) -> None:
        super().__init__(store, text, strapped, reset, now)
        self._draw = draw

    def random(self, n: int) -> bytes:
        return self._draw(n)


class Reference:
    """A hub. on_said(at_ms, content) hears its frames; next_of says when the hub of the capture sent what it repeats.

    A real hub spreads its repeats by random offsets. Where the capture has one within the range that the core may draw
    from, it is drawn; else `unknown` of it, 0 to 1.
    """

    def __init__(
        self,
        identity: dict[str, Any],
        epoch: bytes | None,
        on_said: OnSaid,
        next_of: NextOf,
        unknown: float = 1.0,
    ) -> None:
        self._unknown = unknown
        self._text = json.dumps(identity)
        self._epoch = epoch
        self._on_said = on_said
        self._next_of = next_of
        self._stores = {True: _Store(self), False: _Store(self)}
        self._boots = 0
        self._failing = False
        self.lines = Lines(0, s.SENSE_SUPPLY | s.SENSE_MT_PR, 5_000)
        self.now_ms = 0
        self.shell: Any = None  # None: without power
        self._due: dict[bytes, int | None] = {}
        self._drawn = False
        self._deframers: list[frames.Deframer] = []
        self.board: Any = None

    # ---- power

    def power_on(self, strapped: bool, reset: int) -> None:
        """The hub starts at now_ms, with the journal that it has."""
        self._stores[strapped].failing = self._failing
        board = _Board(self._stores[strapped], self._text, strapped, reset, self._tick(), self._random)
        board.bits, board.mv = self.lines.bits, self.lines.holdup_mv
        self.board = board
        self._deframers = [frames.Deframer() for _ in board.links]
        self._boots += 1
        shell = Shell(board)
        self.shell = shell
        self._due = {}
        alerts = shell.supervisor.alerts
        alerts._jitter = self._jitter
        for entry in alerts.entries:
            if entry.due is not None and entry.level != s.LEVEL_ASKED:
                # What the boot has drawn is put off to the latest, too.
                first = diff(entry.due, board.now) >= limits.RETRY_FIRST_MS
                entry.due = add(board.now, limits.RETRY_FIRST_MS * (3 if first else 2) // 2 - 1)
                self._drawn = True
        self._step()

    def change_flash(self, what: str) -> None:
        """As a rig does: what is one of capture.FLASH; a replaced image is not known, and stays what it is."""
        if what in (FLASH_FAILING, FLASH_WORKING):
            self._failing = what == FLASH_FAILING
        for file, damage in FLASH_DAMAGED.items():
            if what == damage and self.board is not None:
                self.board.store.damage(FILES[file])

    def writes(self, since_ms: int) -> int:
        """How many writes of the journals there were from then on."""
        return 0 if self.board is None else sum(at_ms >= since_ms for at_ms, _, _ in self.board.store.writes)

    def power_off(self, torn: int = 0) -> None:
        """The hub ends now; the last `torn` writes of its journals had not become durable."""
        self.shell = None
        if torn and self.board is not None:
            self.board.store.tear(torn)

    def age(self, boot: int, strapped: bool) -> None:
        """Make it a hub that has started `boot` times: the next start counts on from there. Only while it is off."""
        self.power_on(strapped, s.RESET_POWER_ON)
        self.shell.outages.append("boot", {"boot": boot, "reset": s.RESET_POWER_ON, "utc": s.NO_UTC})
        self.shell.outages.append("alive", {"utc": s.NO_UTC, "clean": 1})
        self.power_off()

    def _tick(self) -> int:
        return self.now_ms & MASK

    def _random(self, n: int) -> bytes:
        octets = hashlib.sha256(b"replay %d" % self._boots).digest()[:n]
        if self._epoch is None or n != 16:
            return octets
        # The first journal's epoch, so that most ids are the same on both sides: easier to read.
        epoch, self._epoch = self._epoch, None
        return octets[:8] + epoch + octets[12:]

    # ---- time and input

    def next_ms(self) -> int | None:
        """When the hub next acts by itself; None where it waits for others, or has no power."""
        deadline = None if self.shell is None else self.shell.supervisor.next_deadline()
        return None if deadline is None else self.now_ms + max(1, diff(deadline, self._tick()))

    def run_until(self, at_ms: int) -> None:
        """All that the hub does by itself until then, then included."""
        while True:
            due_ms = self.next_ms()
            if due_ms is None or due_ms > at_ms:
                break
            self._to(due_ms)
            self._step()
        self._to(at_ms)

    def _to(self, at_ms: int) -> None:
        self.now_ms = max(self.now_ms, at_ms)
        if self.board is not None:
            self.board.now = self._tick()

    def measure(self, lines: Lines) -> None:
        """The sense lines change now."""
        self.lines = lines
        if self.shell is not None:
            self.board.bits, self.board.mv = lines.bits, lines.holdup_mv
            self._step()

    def hear(self, link: int, content: bytes) -> None:
        """One frame arrives now."""
        if self.shell is None:
            return
        for port in self.board.links:
            if port.links >> link & 1:
                port.rx.extend(frames.to_wire(content))
        self._step()

    def key(self, link: int) -> Key | None:
        """The one in use on that link."""
        found: Key | None = None if self.shell is None else self.shell.endpoint.keys.get(link)
        return found

    def marked(self) -> bool:
        return self.board is not None and bool(self.board.strapped)

    # ---- one pass

    def _step(self) -> None:
        """Passes until nothing is left to be read or sent."""
        try:
            while True:
                self.shell.step()
                self._listen()
                self._spread()
                if not any(port.rx for port in self.board.links):
                    return
        except Restarted:
            self._listen()
            self.shell = None  # until the capture has it start anew

    def _listen(self) -> None:
        for port, deframer in zip(self.board.links, self._deframers, strict=True):
            if port.tx:
                said, port.tx = bytes(port.tx), bytearray()
                for content in deframer.feed(said):
                    self._on_said(self.now_ms, content)

    # ---- the one place where the core's random spreads what it sends

    def _jitter(self, ms: int) -> int:
        """The latest: an earlier one could be due before its place in the capture is looked up."""
        self._drawn = True
        return max(0, ms - 1)

    def _spread(self) -> None:
        """Move what has just been put off by a random offset to where the hub of the capture had it."""
        alerts = self.shell.supervisor.alerts
        drawn, self._drawn = self._drawn, False
        moved = False
        for entry in alerts.entries:
            # A HoldNotice's repeats are not spread.
            if drawn and entry.due not in (None, self._due.get(entry.id)) and entry.level != s.LEVEL_ASKED:
                entry.due = self._due_of(entry)
                moved = True
        self._due = {entry.id: entry.due for entry in alerts.entries}
        if moved:
            alerts.plan(self._tick())
            # As a sample that brings nothing new: the core says anew when it is to be called next.
            supervisor = self.shell.supervisor
            self.shell.event((events.SAMPLE, supervisor.bits, supervisor.holdup_mv), self._tick())
            self._listen()

    def _due_of(self, entry: Any) -> int:
        """Put off to the latest, it is due within 5 s from now on, or after a wait within half as much again."""
        last_ms = diff(entry.due, self._tick())
        wait_ms = 0 if last_ms < limits.RETRY_FIRST_MS else (last_ms + 1) * 2 // 3
        width_ms = wait_ms // 2 or limits.RETRY_FIRST_MS
        first_ms = self.now_ms + wait_ms
        at_ms = self._next_of(entry.id, first_ms, first_ms + width_ms - 1)
        offset_ms = round(self._unknown * (width_ms - 1)) if at_ms is None else at_ms - first_ms
        return add(self._tick(), wait_ms + offset_ms)
