"""Transports on PTYs and sockets: what opens, what is refused in which words, and what a pulled cable leaves."""

from __future__ import annotations

import ast
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from cables import WAIT_S, url_of
from chtool import inside

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import transport
from host_tools.link.serial_line import open_line
from host_tools.link.transport import Port, TransportLost, find

ROOT = Path(__file__).resolve().parents[2]


def refusal(url: str, **options: object) -> BenchError:
    with pytest.raises(BenchError) as caught:
        transport.open(url, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    return caught.value


# ---- a serial port


def test_octets_pass_both_ways_unchanged(cable):
    every = bytes(range(256))
    port = transport.open(cable.path)
    port.write(every)
    assert os.read(cable.board, 1000) == every
    os.write(cable.board, every)
    heard = b""
    while len(heard) < len(every):
        heard += port.read(WAIT_S)
    port.close()
    assert heard == every


def test_a_read_ends_at_its_deadline_and_not_before(cable):
    port = transport.open(cable.path)
    started = time.monotonic()
    assert port.read(0.1) == b""
    assert 0.1 <= time.monotonic() - started < 0.1 + 10 * transport.POLL_S
    port.close()


def test_a_read_ends_with_the_first_octets(cable):
    port = transport.open(cable.path)
    os.write(cable.board, b"now")
    started = time.monotonic()
    assert port.read(WAIT_S) == b"now"
    assert time.monotonic() - started < WAIT_S / 2
    port.close()


def test_a_port_is_one_program_s_alone(cable):
    first = transport.open(cable.path)
    error = refusal(cable.path)
    assert error.exit_code == EXIT_NO_BOARD and "busy" in str(error) and cable.path in str(error)
    first.close()
    transport.open(cable.path).close()


def test_a_cable_pulled_in_mid_read_is_one_sentence_at_once(cable):
    port = transport.open(cable.path)
    threading.Timer(0.05, cable.pull).start()
    started = time.monotonic()
    with pytest.raises(TransportLost) as caught:
        port.read(WAIT_S)
    assert time.monotonic() - started < WAIT_S / 2
    assert caught.value.exit_code == EXIT_NO_BOARD and cable.path in str(caught.value)
    with pytest.raises(TransportLost):
        port.write(b"x")
    port.close()
    port.close()


def test_a_write_has_a_deadline(cable, monkeypatch):
    monkeypatch.setattr(transport, "WRITE_S", 0.2)
    port = transport.open(cable.path)
    with pytest.raises(BenchError, match="took no octets") as caught:
        for _ in range(100):
            port.write(bytes(4096))
    assert caught.value.exit_code == EXIT_NO_BOARD
    port.close()


def test_the_lines_that_reset_an_esp32_are_set_before_the_port_is_open(monkeypatch):
    seen = []

    class Recording(serial.Serial):
        def open(self) -> None:
            seen.append((self.dtr, self.rts, self.exclusive, self.baudrate))
            raise serial.SerialException(2, "not there")

    monkeypatch.setattr(serial, "serial_for_url", lambda url, **options: _closed_port(Recording, url, options))
    refusal("/dev/ttyACM7")
    assert seen == [(True, True, True, 115_200)]


def _closed_port(kind: type, url: str, options: dict) -> serial.Serial:
    options.pop("do_not_open")
    port = kind(None, **options)
    port.port = url
    return port


def test_reading_never_changes_the_port_s_settings(monkeypatch):
    """Over rfc2217 each change costs 151 ms."""
    changes = []
    loop = serial.serial_for_url("loop://", timeout=0.01)
    monkeypatch.setattr(type(loop), "_reconfigure_port", lambda port: changes.append(port))
    port = transport.Transport(loop, "loop://")
    port.write(b"abc")
    assert port.read(0.2) == b"abc"
    assert port.read(0.02) == b"" and port.read(0.05) == b""
    assert changes == []


@pytest.mark.parametrize(
    ("url", "code", "word"),
    [
        ("/dev/nope", EXIT_NO_BOARD, "no port"),
        ("COM77", EXIT_NO_BOARD, "no port"),
        ("/", EXIT_USAGE, "no serial port"),
        ("/dev/null", EXIT_USAGE, "no serial port"),
        (__file__, EXIT_USAGE, "no serial port"),
        ("", EXIT_USAGE, "no port"),
        ("sim:", EXIT_USAGE, "no port"),
        ("id:", EXIT_NO_BOARD, "serial number"),
        ("id:no-such-board", EXIT_NO_BOARD, "no-such-board"),
        ("foo://x", EXIT_USAGE, "scheme"),
        ("spy:///dev/nope", EXIT_USAGE, "scheme"),
        ("socket://", EXIT_USAGE, "socket://HOST:PORT"),
        ("socket://host", EXIT_USAGE, "socket://HOST:PORT"),
        ("socket://host:99999", EXIT_USAGE, "socket://HOST:PORT"),
        ("rfc2217://host:x", EXIT_USAGE, "rfc2217://HOST:PORT"),
        ("loop://?x=1", EXIT_USAGE, "loop://"),
    ],
)
def test_what_is_no_port_is_refused_in_one_sentence(url, code, word):
    error = refusal(url)
    assert error.exit_code == code and word in str(error)


def test_an_address_that_nobody_answers(server):
    url = url_of(server)
    server.close()
    for scheme in ("socket", "rfc2217"):
        error = refusal(url.replace("socket", scheme))
        assert error.exit_code == EXIT_NO_BOARD and "Nothing answers" in str(error)


# ---- servers that are not well-behaved


@pytest.fixture
def flooded(server: socket.socket) -> Iterator[str]:
    """The URL of a server that sends to whoever connects, without an end."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = server.accept()
                threading.Thread(target=flood, args=(accepted,), daemon=True).start()

    def flood(accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            while True:
                accepted.sendall(b"~abc" * 4096)

    threading.Thread(target=serve, daemon=True).start()
    yield url_of(server)


@pytest.mark.timeout(30)
def test_a_peer_that_never_stops_sending_keeps_nobody_for_ever(flooded):
    port = transport.open(flooded)
    assert 0 < len(port.read(WAIT_S)) <= transport.MOST_OCTETS + 1
    port.close()
    line = open_line(flooded)
    assert line.step(line.now_ms + 5_000)
    line.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("code", "arguments"),
    [(3, ["identify"]), (3, ["log", "--wan"]), (0, ["monitor", "--for", "0.2"]), (0, ["headend", "--for", "0.2"])],
)
def test_no_command_hangs_on_such_a_peer(flooded, code, arguments, monkeypatch):
    monkeypatch.setattr("host_tools.link.client.TRY_MS", 100)
    monkeypatch.setattr("host_tools.cli.event_log.TRY_MS", 100)
    assert inside(*arguments, flooded).returncode == code


def test_rubbish_instead_of_rfc_2217_is_one_sentence_without_a_traceback(server, capfd, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def rubbish() -> None:
        accepted, _ = server.accept()
        accepted.sendall(b"\xff\xf0" * 10)  # the end of a telnet suboption that has no beginning
        accepted.recv(1)
        accepted.close()

    threading.Thread(target=rubbish, daemon=True).start()
    assert "not by RFC 2217" in str(refusal(url_of(server).replace("socket", "rfc2217") + "?timeout=0.3"))
    assert capfd.readouterr().err == ""


# ---- a board by its USB serial number

BOARDS = [Port("/dev/ttyACM0", "E660", "Pico"), Port("/dev/ttyACM1", "C6AA", "ESP32"), Port("/dev/ttyS0", None, "")]


def test_a_board_is_found_by_its_usb_serial_number_in_any_case():
    assert find("c6aa", BOARDS) == "/dev/ttyACM1"


def test_no_board_of_that_number_lists_what_is_there():
    with pytest.raises(BenchError, match=r"id:E660.*id:C6AA.*ttyS0") as caught:
        find("E66", BOARDS)
    assert caught.value.exit_code == EXIT_NO_BOARD


def test_between_two_boards_of_that_number_there_is_no_guess():
    with pytest.raises(BenchError, match="ttyACM0 and /dev/ttyACM2") as caught:
        find("E660", [*BOARDS, Port("/dev/ttyACM2", "e660", "Pico")])
    assert caught.value.exit_code == EXIT_USAGE


def test_a_board_without_a_number_is_not_found_by_an_empty_one():
    with pytest.raises(BenchError):
        find("", BOARDS)


# ---- other systems

POSIX_ONLY = {"termios", "tty", "pty", "fcntl", "pwd", "grp", "resource"}


def _imports(node: ast.AST) -> Iterator[str]:
    """What a module imports when it is imported itself."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module or ""
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child)


def _file_of(module: str) -> Path | None:
    """The file of a module of host_tools; None where the name is no module of it."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if module.startswith("host_tools") and path.is_file():
            return path
    return None


def test_chtool_imports_on_windows_too():
    """Whatever its commands import as they start, and so on down; the virtual hub is imported when asked for."""
    waiting = [f"host_tools.cli.{path.stem}" for path in (ROOT / "host_tools" / "cli").glob("*.py")]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if path is None or module in seen:
            assert module.split(".")[0] not in POSIX_ONLY
            continue
        seen.add(module)
        assert not module.startswith(("host_tools.virtual.process", "host_tools.virtual.rig")), module
        names = list(_imports(ast.parse(path.read_text(encoding="utf-8"))))
        assert not {name.split(".")[0] for name in names} & POSIX_ONLY, module
        waiting += names
    assert {"host_tools.link.connect", "host_tools.link.serial_line", "host_tools.frames"} <= seen
