"""A simulated hub as its meter sees it: answers flag messages as wire SPEC 5 and 7 say, or as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chf.wire import schema as s
from host_tools import frames
from host_tools.sim.peer import Peer

MESSAGES = ("activation_pending", "activation_complete", "activation_cancel", "counter_sync")
NONCE = b"the-once"


@dataclass(frozen=True)
class Said:
    """One authentic message of the meter: when it came, its name, its fields, its octets."""

    at_ms: int
    name: str
    fields: dict[str, Any]
    content: bytes

    @property
    def counter(self) -> int:
        return int.from_bytes(self.fields["counter"], "big")


# What is done about one message of the meter.
Mood = Callable[[Said], None]


class Hub(Peer):
    """The HAN side of a hub. `mood` answers each message; by default as SPEC 5 and 7 say, but that any EUI-64 and any
    duration is taken, for the tests to judge.

    said: authentic messages of the meter. strays: contents from the line that are none. acked: (ms, message) of each
    acknowledgement that was given. floor, unsynced: as SPEC 5 has them.
    """

    def __init__(self, esme: bytes, hub: bytes, key: bytes, marked: bool = True) -> None:
        super().__init__(s.LINK_HAN, key, marked)
        self.esme = esme
        self.hub = hub
        self.said: list[Said] = []
        self.strays: list[bytes] = []
        self.relayed: list[bytes] = []
        self.acked: list[tuple[int, Said]] = []
        self.refused: dict[bytes, int] = {}  # by content: the last reason that was given, authentic and of this message
        self.mood: Mood = self.as_it_must
        self.floor = 0
        self.unsynced = False
        self.nonce = NONCE
        self._last = b""  # the content that has made the floor

    def on_frame(self, content: bytes, now_ms: int) -> None:
        """One frame of the meter, its FCS good."""
        address = s.LINK_HAN | (s.BENCH_MARK if self.marked else 0)
        try:
            frame = frames.parse(content)
        except frames.FrameError:
            self.strays.append(content)
            return
        if frame.name == "gbcs_from_esme" and content[1] == address:
            self.relayed.append(frame.fields["gbcs"])
        elif frame.name not in MESSAGES or content[1] != address or not self.verify(content):
            self.strays.append(content)
        else:
            said = Said(now_ms, frame.name, frame.fields, content)
            self.said.append(said)
            self.mood(said)

    # ---- moods

    def as_it_must(self, said: Said) -> None:
        """Counters and synchronisation as SPEC 5 says; everything else is acknowledged."""
        if said.content == self._last:
            self.ack(said)
        elif said.name == "counter_sync":
            if self.unsynced and said.fields["nonce"] == self.nonce:
                self.unsynced = False
                self._take(said)
            else:
                self.refuse(said, s.REFUSED_NONCE)
        elif self.unsynced:
            self.refuse(said, s.REFUSED_UNSYNCED)
        elif said.counter <= self.floor:
            self.refuse(said, s.REFUSED_COUNTER)
        else:
            self._take(said)

    def _take(self, said: Said) -> None:
        self.floor = said.counter
        self._last = said.content
        self.ack(said)

    def silent(self, said: Said) -> None:
        """Nothing is answered."""

    # ---- answers

    def ack(self, said: Said, **changes: Any) -> None:
        """flag_ack; `changes`: fields, and key and marked of frames.build()."""
        fields = {"esme": said.fields["esme"], "hub": said.fields["hub"], "type": said.name}
        self._answer("flag_ack", {**fields, "counter": said.fields["counter"], **changes})
        if not changes:
            self.acked.append((said.at_ms, said))

    def refuse(self, said: Said, reason: int, **changes: Any) -> None:
        """flag_refusal; `changes` as for ack()."""
        fields = {
            "esme": self.esme,
            "hub": self.hub,
            "type": said.name,
            "counter": said.fields["counter"],
            "reason": reason,
            "floor": self.floor.to_bytes(8, "big"),
            "nonce": self.nonce if reason == s.REFUSED_UNSYNCED else bytes(8),
        }
        self._answer("flag_refusal", {**fields, **changes})
        if not {"key", "marked", "type", "counter"} & set(changes):
            self.refused[said.content] = reason

    def _answer(self, name: str, values: dict[str, Any]) -> None:
        options = {option: values.pop(option) for option in ("key", "marked") if option in values}
        self.send(name, values, **options)
