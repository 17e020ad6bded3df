"""A bench's line in real time: one transport for all of a hub's links or one for each, read by a thread each."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import transport
from host_tools.link.transport import LINKS, Links, Transport, TransportLost

_SLICE_S = 0.2  # of one wait: on Windows, Ctrl-C is only seen between waits
_REOPEN_S = 0.1  # between two tries
_CLOSE_S = 2.0  # for a thread to end; one that does not ends with its port
_TAKES = 16  # in one step: what a peer that never stops sending has to say is never all said


class SerialLine:
    """A bench.Line over open ports. Its time is the host's, `speed` times as fast for a hub whose time is, too.

    transports: by "all", or by link name; close() closes them. reopen_s: how long a port that is gone may take to come
    back before it counts as lost: a board with USB of its own takes its port with it when it restarts.
    """

    def __init__(self, transports: dict[str, Transport], speed: int = 1, reopen_s: float = 0.0) -> None:
        self.speed = speed
        self._reopen_s = reopen_s
        self._start = time.monotonic()
        self._names = list(transports)
        self._transports = list(transports.values())
        self._heard: queue.Queue[tuple[int, bytes | BenchError]] = queue.Queue()
        self._failed: BenchError | None = None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._pump, args=(i,), daemon=True) for i in range(len(transports))]
        for thread in self._threads:
            thread.start()

    @property
    def now_ms(self) -> int:
        """Milliseconds since this line was opened, times the speed."""
        return int((time.monotonic() - self._start) * 1000 * self.speed)

    def write(self, link: str, octets: bytes) -> None:
        """Put octets on a link. Raises TransportLost; BenchError where no cable carries the link."""
        name = "all" if "all" in self._names else link
        if name not in self._names:
            raise BenchError(f"No cable carries the {link} link: add {link}=URL to the hub's URL.", EXIT_USAGE)
        try:
            self._transports[self._names.index(name)].write(octets)
        except TransportLost:
            # A hub that restarts hears nothing anyway; whether its port comes back, the reading thread finds out.
            if not self._reopen_s:
                raise

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        """Wait for octets, at most until `until_ms`: [(link index, octets)]. Raises TransportLost."""
        if self._failed is not None:
            raise self._failed
        said: list[tuple[int, bytes]] = []
        while not said and self._failed is None:
            left_s = (until_ms - self.now_ms) / 1000 / self.speed
            with contextlib.suppress(queue.Empty):
                self._take(said, max(0.0, min(left_s, _SLICE_S)))
                for _ in range(_TAKES):
                    self._take(said, 0.0)
            if left_s <= 0:
                break
        if self._failed is not None and not said:
            raise self._failed
        return said

    def _take(self, said: list[tuple[int, bytes]], timeout_s: float) -> None:
        index, heard = self._heard.get(timeout=timeout_s) if timeout_s else self._heard.get_nowait()
        if isinstance(heard, BenchError):
            self._failed = heard
        else:
            said.append((0 if self._names[index] == "all" else LINKS.index(self._names[index]), heard))

    def _pump(self, index: int) -> None:
        while not self._stop.is_set():
            try:
                octets = self._transports[index].read(transport.POLL_S)
            except BenchError as error:
                if not self._reopen(index):
                    if not self._stop.is_set():
                        self._heard.put((index, error))
                    return
            else:
                if octets:
                    self._heard.put((index, octets))

    def _reopen(self, index: int) -> bool:
        lost = self._transports[index]
        end = time.monotonic() + self._reopen_s
        while lost.comes_back and time.monotonic() < end and not self._stop.is_set():
            lost.close()
            try:
                self._transports[index] = transport.open(lost.name)
            except BenchError:
                self._stop.wait(_REOPEN_S)
            else:
                return True
        return False

    def close(self) -> None:
        """End the reading and close the ports."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_CLOSE_S)
        for port in self._transports:
            port.close()


def open_line(url: str, reopen_s: float = 0.0) -> SerialLine:
    """Open a hub's cables by its URL (transport.parse_links). Raises BenchError: 2 for a bad URL, 3 for no port."""
    links: Links = transport.parse_links(url)
    opened: dict[str, Transport] = {}
    try:
        for name, one in links.urls.items():
            opened[name] = transport.open(one)
    except BenchError:
        for port in opened.values():
            port.close()
        raise
    return SerialLine(opened, links.speed, reopen_s)
