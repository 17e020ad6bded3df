"""chtool and a testbed on a virtual hub behind ser2net, as a bench shares its ports: raw TCP and RFC 2217."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cables import WAIT_S, Cable
from chtool import LIMIT_S, fails, json_of, sentence_of, started, virtual_hub

from host_tools.link import transport
from host_tools.link.connect import connect
from host_tools.names import show
from host_tools.testbed import Testbed

SER2NET = shutil.which("ser2net", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
ACCEPTERS = {"socket": "tcp", "rfc2217": "telnet(rfc2217=true),tcp"}
SPEED = 100
HUB = ("--speed", str(SPEED), "--one-cable")
WITHIN_MS = 2_000 * SPEED
# What a telnet server could take for its own (0xFF), what framing escapes (0x7E, control octets), and all the others.
MESSAGES = (b"\xff" * 1_500, b"\x7e\xff\x00\x11\x13\x03" * 250, bytes(range(256)) * 5)

pytestmark = pytest.mark.skipif(
    SER2NET is None or not Path("/proc/net/tcp").exists(), reason="needs ser2net on Linux: sudo apt-get install ser2net"
)


class Served(NamedTuple):
    """A hub's one cable behind ser2net."""

    url: str
    address: str  # without the speed
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def serving(scheme: str, path: str, folder: Path) -> Iterator[Served]:
    """ser2net on loopback, on a port that the system chooses; killed at the end if it still runs."""
    config = folder / "ser2net.yaml"
    config.write_text(
        "%YAML 1.1\n---\nconnection: &hub\n"
        f"  accepter: {ACCEPTERS[scheme]},127.0.0.1,0\n  connector: serialdev,{path},115200n81,local\n"
    )
    command = [str(SER2NET), "-n", "-u", "-c", str(config)]  # in the foreground, no lock file
    with (folder / "ser2net.txt").open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        address = f"{scheme}://127.0.0.1:{port_of(process)}"
        yield Served(f"{address},speed={SPEED}", address, process)
    finally:
        process.kill()
        process.wait(LIMIT_S)


def port_of(process: subprocess.Popen[bytes]) -> int:
    """The TCP port that it listens on, as soon as it does (proc(5): /proc/net/tcp, state 0A)."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"ser2net ended by itself, exit code {process.wait(0.01)}")
        own = set()
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                own.add(os.readlink(entry))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                return int(fields[1].partition(":")[2], 16)
    pytest.fail("ser2net does not listen")


@pytest.fixture(params=list(ACCEPTERS))
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def hub() -> Iterator[dict[str, Any]]:
    with virtual_hub(*HUB) as made:
        yield made


@pytest.fixture
def served(scheme: str, hub: dict[str, Any], tmp_path: Path) -> Iterator[Served]:
    with serving(scheme, hub["ports"]["all"], tmp_path) as made:
        yield made


def first_line(monitor: subprocess.Popen[str]) -> None:
    """Wait until it shows a frame: a hub that nobody has told the time asks for it once a minute."""
    assert monitor.stdout is not None
    assert "time_request" in monitor.stdout.readline(), monitor.communicate(timeout=LIMIT_S)


def test_who_a_hub_is_and_what_it_sees(hub, served):
    assert json_of("identify", served.url)["hub"] == hub["hub"]
    told = json_of("state", served.url)
    assert (told["phase"], told["level"]) == ("powered", "none")


def test_octets_pass_both_ways_unchanged(scheme, cable, tmp_path):
    with serving(scheme, cable.path, tmp_path) as served, contextlib.closing(transport.open(served.address)) as port:
        for message in MESSAGES:
            port.write(message)
            assert gathered(lambda: on_board(cable), len(message)) == message
            os.write(cable.board, message)
            assert gathered(lambda: port.read(WAIT_S), len(message)) == message


def on_board(cable: Cable) -> bytes:
    ready, _, _ = select.select([cable.board], [], [], WAIT_S)
    return os.read(cable.board, 4_096) if ready else b""


def gathered(read: Callable[[], bytes], count: int) -> bytes:
    """So many octets, or what came before there were none for WAIT_S."""
    octets = b""
    while len(octets) < count:
        more = read()
        if not more:
            break
        octets += more
    return octets


def test_an_outage_and_long_messages(scheme, tmp_path):
    with (
        virtual_hub(*HUB) as own,
        serving(scheme, own["ports"]["all"], tmp_path) as served,
        connect(served.url) as bed,
    ):
        for message in MESSAGES:
            said_again(bed, lambda m=message: bed.headend.relay(m), lambda m=message: m in bed.esme.relayed)
            answer = {"gbcs": message}
            said_again(
                bed, lambda a=answer: bed.esme.send("gbcs_from_esme", a), lambda m=message: m in bed.headend.relayed
            )
        assert bed.declare()
        bed.lose_supply(180)
        bed.bench.wait_for("AD1", lambda: bool(bed.headend.alerts), WITHIN_MS)
        bed.restore_supply()
        bed.bench.wait_for("restoration", lambda: bool(bed.headend.restorations), WITHIN_MS)
        assert [show("cause", one.cause) for one in bed.headend.alerts] == ["firmware-activation"]
        # Nothing was lost from the hub; to it, a frame is while its flash is written.
        assert [line.drops() for line in bed.bench._deframers.values()] == [{}]
        assert (bed.headend.unauthentic, bed.esme.unauthentic) == (0, 0)


def said_again(bed: Testbed, say: Callable[[], object], heard: Callable[[], bool]) -> None:
    """A frame that reaches the hub while its flash is written is lost, and nothing repeats these messages."""
    for _ in range(3):
        say()
        if bed.bench.advance(WITHIN_MS, until=heard):
            return
    pytest.fail("a message did not come out at the other side of the hub")


def test_one_program_at_a_time_and_a_server_killed_in_mid_watch(scheme, served):
    with started("monitor", served.url) as monitor:
        first_line(monitor)
        short = "?timeout=0.3" if scheme == "rfc2217" else ""  # for the RFC 2217 handshake, s
        assert "end the other program that uses it" in fails(3, "identify", served.address + short)
        first_line(monitor)  # not disturbed
        served.process.kill()
        assert the_end_of(monitor).startswith(f"{served.address} is gone: start its server again")


def the_end_of(monitor: subprocess.Popen[str]) -> str:
    """The one sentence with which it ends, at once."""
    out, told = monitor.communicate(timeout=WAIT_S)
    return sentence_of(subprocess.CompletedProcess([], monitor.returncode, out, told), 3)


def test_a_board_that_goes_behind_its_server_is_one_sentence(tmp_path):
    with (
        virtual_hub(*HUB) as own,
        serving("socket", own["ports"]["all"], tmp_path) as served,
        started("monitor", served.url) as monitor,
    ):
        first_line(monitor)
        own["process"].kill()
        assert "is gone" in the_end_of(monitor)


def test_a_raw_port_does_not_speak_rfc_2217(cable, tmp_path):
    with serving("socket", cable.path, tmp_path) as raw:
        url = raw.address.replace("socket", "rfc2217") + "?timeout=0.3"
        assert "not by RFC 2217: give socket://" in fails(3, "identify", url)


def test_a_port_that_nobody_listens_on_is_one_sentence(scheme):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
    assert fails(3, "identify", address) == f"Nothing answers at {address}: start its server, or mend the address."


def test_an_option_that_does_not_fit_is_usage(scheme):
    assert "no option that pyserial lacks" in fails(2, "identify", f"{scheme}://127.0.0.1:9?nope=1")
