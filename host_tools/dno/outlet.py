"""What leaves a head-end towards the network operator: a file of JSON Lines, and a folder of DUIS documents.

Everything goes out before the head-end remembers it, and so before it acknowledges it: after a kill or a full disk the
hub says it again. A line can therefore stand in the file twice, and never not at all; triage takes it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chf.wire.schema import NO_UTC, UTC_MAX
from host_tools.dno import events
from host_tools.dno.duis import Folder
from host_tools.gbcs import build as gbcs


class Outlet:
    """Of one hub, an EUI-64 in hexadecimal. Either way out may be None. Raises BenchError where one cannot be written.

    Times are seconds since 2000-01-01T00:00:00Z.
    """

    def __init__(self, hub: str, jsonl: Path | None = None, duis: Path | None = None) -> None:
        self._hub = hub
        self._folder = None if duis is None else Folder(duis)
        self._writer = None if jsonl is None else events.Writer(jsonl)

    def ad1(self, fields: Mapping[str, Any], at_utc: float) -> None:
        """An AD1 of the hub's."""
        self._alert(events.ad1(self._hub, fields, at_utc))

    def own_ad1(self, outage_id: bytes, at_utc: float) -> None:
        """The head-end's own AD1, for a held outage that did not end in its window."""
        self._alert(events.head_end_ad1(self._hub, outage_id, at_utc))

    def restored(self, fields: Mapping[str, Any], at_utc: float) -> None:
        """The hub's word that supply is back."""
        self._say(events.restored(self._hub, fields, at_utc))

    def without_notice(self, fields: Mapping[str, Any], at_utc: float) -> None:
        """The hub's report of a firmware that changed undeclared."""
        self._say(events.without_notice(self._hub, fields, at_utc))

    def relayed(self, octets: bytes, at_utc: float) -> None:
        """A GBCS message from the meter: told where it is an ECS80 with times in range; its signature is unchecked."""
        found = gbcs.restoration(octets)
        if found is None or not all(NO_UTC < utc <= UTC_MAX for utc in (found.start_utc, found.end_utc)):
            return
        code = f"{found.code:04X}"
        if code in (events.SHORT, events.LONG):
            meter = found.meter.hex()
            self._say(events.ecs80(self._hub, meter, code, found.start_utc, found.end_utc, at_utc))

    def _alert(self, event: dict[str, Any]) -> None:
        if self._folder is not None:
            self._folder.keep(event)
        self._say(event)

    def _say(self, event: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.add(event)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
