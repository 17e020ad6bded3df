"""Transports: octets over a serial port or a network, opened by URL with pyserial, with a deadline on every wait."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import time
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import serial
from serial import rfc2217
from serial.tools import list_ports
from serial.urlhandler import protocol_socket

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import emulator

BAUD = 115_200
POLL_S = 0.05  # a port's one read timeout: changing it later costs 151 ms over rfc2217
MOST_OCTETS = 65_536  # at once: a peer that never stops sending must not keep a reader for ever
WRITE_S = 2.0  # 1,500 octets, all stuffed, take 0.27 s at 115,200 baud
SCHEMES = ("socket", "rfc2217", "loop")
LINKS = ("han", "wan", "bench")
PORTS = "/dev/ttyACM0, COM3, id:SERIAL, socket://HOST:PORT, rfc2217://HOST:PORT, emu:qemu, emu:rp2040"
FORMS = f"{PORTS}, emu:pico or sim:"

_BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)
_DENIED = (errno.EACCES, errno.EPERM)
_ABSENT = (errno.ENOENT, errno.ENXIO, errno.ENODEV)
_NO_PORT = (errno.EISDIR, errno.ENOTTY, errno.EINVAL, errno.ENOTDIR)


class TransportLost(BenchError):
    """A line that was open and is no more: a cable pulled, a board gone, a server that hung up."""

    def __init__(self, name: str, sentence: str = ""):
        mend = "plug the board in again"
        if "://" in name:  # a server that serves one at a time hangs up on the second
            mend = "start its server again, plug its board in again, or end the other program that uses it"
        super().__init__(sentence or f"{name} is gone: {mend}.", EXIT_NO_BOARD)


class Port(NamedTuple):
    """A serial port that is there: its path, its board's USB serial number if it has one, what it calls itself."""

    device: str
    serial_number: str | None
    description: str


class Links(NamedTuple):
    """One hub's cables. urls: link name to URL, or {"all": URL}. speed: of the hub's time, as a multiple of real."""

    urls: dict[str, str]
    speed: int


class _Closing:
    """pyserial's own close() leaves a socket open whose server has hung up."""

    _socket: Any = None

    def close(self) -> None:
        held = self._socket
        super().close()  # type: ignore[misc]
        if held is not None:
            held.close()


class _Socket(_Closing, protocol_socket.Serial):
    """Raw TCP."""

    def reset_input_buffer(self) -> None:
        """Drop what has come, at most MOST_OCTETS: pyserial's own goes on for as long as more comes."""
        with contextlib.suppress(OSError):  # a server that hung up is lost to the next read
            left = MOST_OCTETS
            while left > 0 and select.select([self._socket], [], [], 0)[0]:
                left -= len(self._socket.recv(min(left, 4096))) or left


class _Rfc2217(_Closing, rfc2217.Serial):
    """Telnet with RFC 2217. A server that hangs up or sends rubbish leaves no traceback of pyserial's own thread."""

    _read_buffer: Any

    def _telnet_read_loop(self) -> None:
        try:
            super()._telnet_read_loop()  # type: ignore[misc]
        except Exception:  # whatever pyserial's thread meets in rubbish, or while it answers: the line is lost
            self._read_buffer.put(None)

    def reset_input_buffer(self) -> None:
        """As pyserial's, which goes on for as long as more comes."""
        self.rfc2217_send_purge(rfc2217.PURGE_RECEIVE_BUFFER)
        self._read_buffer.queue.clear()


_NETWORK = {"socket": _Socket, "rfc2217": _Rfc2217}


class Transport:
    """An open port. read() and write() may run in two threads at once; nothing else may.

    emulated: the emulator that it belongs to; close() ends it.
    """

    def __init__(self, port: Any, name: str, emulated: emulator.Emulated | None = None) -> None:
        self.name = name
        self._port = port
        self._emulated = emulated

    @property
    def comes_back(self) -> bool:
        """Whether a port that is gone may be a board's that restarts: an emulated one restarts behind its port."""
        return self._emulated is None

    def _lost(self) -> TransportLost:
        return TransportLost(self.name, self._emulated.lost() if self._emulated else "")

    def read(self, timeout_s: float) -> bytes:
        """What has come, as soon as something has; empty after `timeout_s`, up to POLL_S late. Raises TransportLost."""
        end = time.monotonic() + timeout_s
        try:
            while True:
                octets = self._port.read(1)
                if octets:
                    return octets + self._waiting()
                if time.monotonic() >= end:
                    return b""
        except (OSError, TypeError, AttributeError):
            # Closed by another thread in mid-read, pyserial fails on its own None.
            raise self._lost() from None

    def _waiting(self) -> bytes:
        more = bytearray()
        while len(more) < MOST_OCTETS and (count := self._port.in_waiting):
            more += self._port.read(count)
        return bytes(more)

    def write(self, octets: bytes) -> None:
        """Hand over all octets. Raises TransportLost, or BenchError where the port does not take them in WRITE_S."""
        try:
            self._port.write(octets)
        except serial.SerialTimeoutException:
            raise BenchError(
                f"{self.name} took no octets for {WRITE_S:g} s: the board at its other end does not read.",
                EXIT_NO_BOARD,
            ) from None
        except OSError:
            raise self._lost() from None

    def close(self) -> None:
        """Let the port go; again is harmless."""
        with contextlib.suppress(OSError):
            self._port.close()
        if self._emulated:
            self._emulated.close()


def ports() -> list[Port]:
    """The serial ports of this machine."""
    return [Port(p.device, p.serial_number, p.description or "") for p in sorted(list_ports.comports())]


def _listed(found: Iterable[Port]) -> str:
    named = [f"{p.device} (id:{p.serial_number})" if p.serial_number else p.device for p in found]
    return "here are " + ", ".join(named) if named else "no serial port is here"


def find(serial_number: str, found: list[Port]) -> str:
    """The one port whose board has that USB serial number. Raises BenchError where none or several have it."""
    matching = [p for p in found if (p.serial_number or "").lower() == serial_number.lower() and serial_number]
    if len(matching) == 1:
        return matching[0].device
    if not matching:
        raise BenchError(
            f"No board has the USB serial number '{serial_number}': {_listed(found)}.",
            EXIT_NO_BOARD,
        )
    several = " and ".join(p.device for p in matching)
    raise BenchError(f"{several} have the USB serial number '{serial_number}': give one port's path.", EXIT_USAGE)


def parse_links(url: str) -> Links:
    """Take a hub's URL apart: one cable for all links, or "han=URL,wan=URL,bench=URL"; ",speed=N" may follow either.

    Raises BenchError, exit code 2.
    """
    urls: dict[str, str] = {}
    speed = 1
    for part in url.split(","):
        name, equals, value = part.partition("=")
        if not equals or name not in (*LINKS, "speed"):
            name, value = "all", part
        if not value:
            raise BenchError(f"'{url}' names no port: give {FORMS}.", EXIT_USAGE)
        if name == "speed":
            if not value.isdecimal() or len(value) > 6 or int(value) < 1:
                raise BenchError(f"speed={value:.20} is no whole number from 1 to 999,999.", EXIT_USAGE)
            speed = int(value)
        elif name in urls:
            raise BenchError(f"'{url}' names two ports for one link: give each link once.", EXIT_USAGE)
        else:
            urls[name] = value
    if not urls or ("all" in urls and len(urls) > 1):
        raise BenchError(f"'{url}' is neither one cable for all links nor a cable for each.", EXIT_USAGE)
    return Links(urls, speed)


def open(url: str, found: list[Port] | None = None) -> Transport:
    """Open a serial port or a network port. Raises BenchError: exit code 2 for a bad URL, 3 for no board or a busy one.

    found: the ports to look for an "id:" in; this machine's by default.
    """
    if url.startswith(emulator.SCHEME):
        emulated, held = emulator.opened(url, lambda at: open(at)._port)
        return Transport(held, url, emulated)
    scheme, colon, rest = url.partition(":")
    if scheme == "id" and colon:
        url = find(rest, ports() if found is None else found)
    elif "://" in url:
        _check_address(url, scheme, rest)
    elif not url or url.startswith("sim:"):
        raise BenchError(f"'{url}' is no port: give {f'one like {PORTS}' if url else FORMS}.", EXIT_USAGE)
    try:
        port = _unopened(url, scheme)
        if scheme != "rfc2217":  # pyserial has no write timeout there; its socket has one of 5 s
            port.write_timeout = WRITE_S
        if os.name == "posix" and "://" not in url:
            port.exclusive = True
        # Both asserted, as the system itself leaves them on opening: no edge reaches an ESP32's reset transistors, and
        # a board with USB of its own sees a host that listens.
        port.dtr = True
        port.rts = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pyserial's rfc2217 starts its thread the old way
            port.open()
    except (OSError, ValueError, KeyError) as error:
        raise _refused(url, error) from None
    return Transport(port, url)


def _unopened(url: str, scheme: str) -> Any:
    if scheme not in _NETWORK:
        return serial.serial_for_url(url, do_not_open=True, baudrate=BAUD, timeout=POLL_S)
    port = _NETWORK[scheme](None, baudrate=BAUD, timeout=POLL_S)
    # Else pyserial waits for an answer to DTR and RTS, which ser2net does not give for a port without modem lines.
    port.port = url + ("&" if "?" in url else "?") + "ign_set_control" if scheme == "rfc2217" else url
    return port


def _check_address(url: str, scheme: str, rest: str) -> None:
    """pyserial takes an address that cannot be, or fails on it in ways of its own."""
    if scheme not in SCHEMES:
        raise BenchError(f"'{url}' has no scheme known here: give {FORMS}.", EXIT_USAGE)
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname and parts.port) and parts.path in ("", "/")
    except ValueError:
        fits = False
    if not (fits if scheme != "loop" else rest == "//"):
        form = "loop://" if scheme == "loop" else f"{scheme}://HOST:PORT"
        raise BenchError(f"'{url}' is no address: give it as {form}.", EXIT_USAGE)


def _refused(url: str, error: Exception) -> BenchError:
    """One sentence for a port that does not open."""
    code = error.errno if isinstance(error, OSError) else None
    if code is None and isinstance(error.__context__, OSError):
        code = error.__context__.errno
    if code in _BUSY:
        return BenchError(f"{url} is busy: another program has it open; end that one first.", EXIT_NO_BOARD)
    if "://" in url:
        return _unreached(url, error.__context__)
    if code in _DENIED:
        if os.name == "nt":  # Windows says so of a port that is open elsewhere
            return BenchError(f"{url} is busy: another program has it open; end that one first.", EXIT_NO_BOARD)
        return BenchError(f"You may not open {url}: join the group that owns it (often dialout).", EXIT_NO_BOARD)
    if code in _NO_PORT or (code is None and "configure port" in str(error)):
        return BenchError(f"{url} is no serial port: give {FORMS}.", EXIT_USAGE)
    if code in _ABSENT or os.name == "nt":
        return BenchError(f"There is no port {url}: {_listed(ports())}.", EXIT_NO_BOARD)
    return BenchError(f"{url} does not open: {os.strerror(code) if code else error}.", EXIT_NO_BOARD)


def _unreached(url: str, cause: BaseException | None) -> BenchError:
    """One sentence for a network port; cause: what pyserial has met while it opened it."""
    if isinstance(cause, OSError) and not isinstance(cause, serial.SerialException):
        return BenchError(f"Nothing answers at {url}: start its server, or mend the address.", EXIT_NO_BOARD)
    if cause is None:
        held = "give socket:// if it is a raw port, or end the other program that uses it"
        return BenchError(f"{url} answers, but not by RFC 2217: {held}.", EXIT_NO_BOARD)
    form = url.partition(":")[0] + "://HOST:PORT"
    return BenchError(f"'{url}' does not fit: give it as {form}, with no option that pyserial lacks.", EXIT_USAGE)
