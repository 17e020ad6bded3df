"""What a head-end must not forget, in SQLite: alerts, watches, restorations, counters; durable before it answers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from host_tools.errors import EXIT_USAGE, BenchError

MEMORY = Path(":memory:")
_APPLICATION_ID = 0x43484648  # "CHFH", in the file's header: this database is a head-end's
_VERSION = 1
_BUSY_S = 5.0
_TABLES = """
CREATE TABLE alerts (
    hub TEXT, id TEXT, revision INTEGER, raised_by TEXT, level TEXT, cause TEXT, utc INTEGER, fields TEXT,
    PRIMARY KEY (hub, id, revision, raised_by));
CREATE TABLE watches (hub TEXT, id TEXT, until_utc INTEGER, ended INTEGER, PRIMARY KEY (hub, id));
CREATE TABLE restorations (hub TEXT, id TEXT, utc INTEGER, fields TEXT, PRIMARY KEY (hub, id));
CREATE TABLE sessions (hub TEXT, epoch TEXT, boot INTEGER, utc INTEGER, PRIMARY KEY (hub, epoch, boot));
CREATE TABLE counters (hub TEXT PRIMARY KEY, counter INTEGER);
"""


class StoredWatch(NamedTuple):
    """A held outage that was watched when the head-end stopped. until_utc: seconds since 2000-01-01."""

    id: bytes
    until_utc: int


class HeadEndStore:
    """One database for many hubs; this object speaks of one. Each method is one transaction, synced before it returns.

    Raises BenchError, exit code 2, where `path` is no such database; sqlite3.Error where a write fails.
    """

    def __init__(self, path: Path, hub: str) -> None:
        self.hub = hub
        try:
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            self._db.execute("PRAGMA synchronous = FULL")
            self._open(path)
        except sqlite3.Error as error:
            raise BenchError(f"{path} cannot be the head-end's database: {error}.", EXIT_USAGE) from None

    def _open(self, path: Path) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        (owner,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            for statement in filter(str.strip, _TABLES.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        elif owner != _APPLICATION_ID or version != _VERSION:
            raise BenchError(f"{path} is another program's database: name another file.", EXIT_USAGE)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> int:
        """Carry out all or nothing; how many rows the first one changed."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            changed = [self._db.execute(text, values).rowcount for text, values in statements]
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return changed[0]

    def _end_watch(self, outage_id: bytes) -> tuple[str, tuple[Any, ...]]:
        return "UPDATE watches SET ended = 1 WHERE hub = ? AND id = ?", (self.hub, outage_id.hex())

    def alert(
        self, outage_id: bytes, revision: int, by: str, level: str, cause: str, utc: int, fields: dict[str, Any]
    ) -> bool:
        """Keep an alert, and end the watch over its outage; whether it was new."""
        row = (self.hub, outage_id.hex(), revision, by, level, cause, utc, json.dumps(fields))
        insert = "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        return bool(self._write((insert, row), self._end_watch(outage_id)))

    def restored(self, outage_id: bytes, utc: int, fields: dict[str, Any]) -> bool:
        """Keep a restoration, and end the watch; whether it was new."""
        row = (self.hub, outage_id.hex(), utc, json.dumps(fields))
        return bool(
            self._write(("INSERT OR IGNORE INTO restorations VALUES (?, ?, ?, ?)", row), self._end_watch(outage_id))
        )

    def knows_restoration(self, outage_id: bytes) -> bool:
        """Whether the end of that outage is here."""
        row = (self.hub, outage_id.hex())
        return self._db.execute("SELECT 1 FROM restorations WHERE hub = ? AND id = ?", row).fetchone() is not None

    def watch(self, outage_id: bytes, until_utc: int) -> None:
        """Take over the watch over an outage; one that is there already stays as it is."""
        row = (self.hub, outage_id.hex(), until_utc)
        self._write(("INSERT OR IGNORE INTO watches VALUES (?, ?, ?, 0)", row))

    def watches(self) -> list[StoredWatch]:
        """Those that are not over."""
        rows = self._db.execute("SELECT id, until_utc FROM watches WHERE hub = ? AND NOT ended", (self.hub,))
        return [StoredWatch(bytes.fromhex(outage_id), until_utc) for outage_id, until_utc in rows]

    def seen(self) -> set[tuple[bytes, int]]:
        """(id, revision) of each AD1 of the hub's that is here."""
        rows = self._db.execute("SELECT id, revision FROM alerts WHERE hub = ? AND raised_by = 'hub'", (self.hub,))
        return {(bytes.fromhex(outage_id), revision) for outage_id, revision in rows}

    def session(self, epoch: bytes, boot: int, utc: int) -> int | None:
        """Keep a boot of the hub's; the highest boot known under this epoch before, None where there is none.

        A hub that comes with a lower one has an old flash, put back.
        """
        known = self._db.execute(
            "SELECT max(boot) FROM sessions WHERE hub = ? AND epoch = ?", (self.hub, epoch.hex())
        ).fetchone()[0]
        self._write(("INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?)", (self.hub, epoch.hex(), boot, utc)))
        return None if known is None else int(known)

    def counter(self) -> int:
        """The last that this head-end used towards the hub."""
        row = self._db.execute("SELECT counter FROM counters WHERE hub = ?", (self.hub,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_counter(self, counter: int) -> None:
        """Keep it before it is used: never twice, whatever happens."""
        self._write(("INSERT OR REPLACE INTO counters VALUES (?, ?)", (self.hub, counter)))
