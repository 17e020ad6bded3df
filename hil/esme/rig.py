"""A meter on ports: its HAN and, where there is one, its rig, which speaks lines of text (RIG.md). A bench's line."""

from __future__ import annotations

import contextlib

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import transport
from host_tools.link.serial_line import SerialLine

ANSWER_S = 3.0  # real seconds
CAN = frozenset({"activate", "bad-image", "cancel", "mains-cut", "supply-sense"})
_HAN, _RIG = 0, 2  # link indices of SerialLine; the rig's port stands where a hub's BENCH would
_TEXT_MAX = 4_096


class TextRig:
    """edges: (ms, good) of the 12 V that the meter feeds to its hub, as the rig tells them. Raises BenchError."""

    simulated = ""

    def __init__(self, dut: str, rig: str | None) -> None:
        links = transport.parse_links(dut)
        if set(links.urls) not in ({"all"}, {"han"}):
            raise BenchError(f"'{dut}' does not fit: a meter has one port, its HAN.", EXIT_USAGE)
        self.capabilities: frozenset[str] = frozenset()
        self.about = dut
        self.speed = links.speed
        self.edges: list[tuple[int, bool]] = []
        self.supply_good = True
        self._text = b""
        self._answers: list[str] = []
        self._held: list[tuple[int, bytes]] = []
        opened: dict[str, transport.Transport] = {}
        with contextlib.ExitStack() as undo:
            for name, url in (("han", *links.urls.values()), *((("bench", rig),) if rig else ())):
                opened[name] = transport.open(url)
                undo.callback(opened[name].close)
            self._line = SerialLine(opened, self.speed)
            undo.callback(self._line.close)
            if rig:
                words = self._ask("hello").split()
                if words[:2] != ["rig", "1"]:
                    raise BenchError(f"What answers at {rig} is no rig of a meter: it says '{' '.join(words)}'.")
                self.capabilities = frozenset(words[2:]) & CAN
                self.about += f"; rig: {', '.join(sorted(self.capabilities)) or 'no capabilities'}"
            undo.pop_all()

    # ---- the bench's line

    @property
    def now_ms(self) -> int:
        return self._line.now_ms

    def write(self, link: str, octets: bytes) -> None:
        self._line.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """As of the ports beneath, without what the rig says."""
        if not self._held:
            self._hear(until_ms)
        said, self._held = self._held, []
        return said

    def _hear(self, until_ms: int) -> None:
        for index, octets in self._line.step(until_ms):
            if index == _HAN:
                self._held.append((_HAN, octets))
                continue
            *lines, self._text = (self._text + octets).split(b"\n")
            self._text = self._text[-_TEXT_MAX:]
            for line in lines:
                self._said(line.decode("ascii", "replace").strip())

    def _said(self, line: str) -> None:
        if line in ("supply 0", "supply 1"):
            good = line.endswith("1")
            if good != self.supply_good:
                self.supply_good = good
                self.edges.append((self.now_ms, good))
        elif line:
            self._answers.append(line)

    # ---- what the rig does

    def _ask(self, line: str) -> str:
        self._answers.clear()
        self._line.write("bench", line.encode() + b"\n")
        end = self.now_ms + round(ANSWER_S * 1000 * self.speed)
        while not self._answers:
            if self.now_ms >= end:
                raise BenchError(f"The rig does not answer '{line}': is it running?", EXIT_NO_BOARD)
            self._hear(end)
        return self._answers.pop(0)

    def _do(self, line: str) -> None:
        answer = self._ask(line)
        if answer != "ok":
            raise BenchError(f"The rig answers '{line}' with '{answer}'.")

    def activate(self, bad: bool = False) -> None:
        """The meter's owner wants its waiting image activated; bad: one that will not run."""
        self._do("activate bad" if bad else "activate")

    def cancel(self) -> None:
        self._do("cancel")

    def cut_power(self) -> None:
        self._do("mains 0")

    def power_on(self) -> None:
        if "mains-cut" in self.capabilities:
            self._do("mains 1")

    def close(self) -> None:
        self._line.close()
