"""From URLs to a bench: a hub that is made with its rig, or open ports; with a rig it is a whole testbed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from chf.wire import schema as s
from host_tools.bench import Bench
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import serial_line
from host_tools.link.client import Client
from host_tools.link.fixture_rig import FixtureBoard, FixtureRig
from host_tools.link.own_rig import SIM, brings_rig, new_rig, options_of
from host_tools.link.recorded import Keep, Recorded
from host_tools.link.serial_line import SerialLine
from host_tools.link.soft_rig import SoftRig
from host_tools.testbed import Testbed
from host_tools.virtual.supply import Supply

SOFT = "soft:"
REOPEN_S = 10.0  # how long a board that restarts may take to show its port again
POWERED_REOPEN_S = 86_400.0  # for a hub whose power a fixture board cuts: as long as it is off, its port is gone
PACE_S = 0.002  # between two looks at a virtual hub in real time


class _Paced:
    """A virtual rig in real time as a line: looks at it no more often than PACE_S, where its step() returns at once."""

    def __init__(self, rig: Any) -> None:
        self._rig = rig

    @property
    def now_ms(self) -> int:
        return int(self._rig.now_ms)

    def write(self, link: str, octets: bytes) -> None:
        self._rig.write(link, octets)

    def step(self, until_ms: int) -> list[tuple[int, bytes]]:
        said: list[tuple[int, bytes]] = self._rig.step(until_ms)
        if not said and self.now_ms < until_ms:
            time.sleep(PACE_S)
        return said


class Connection(Testbed):
    """A Testbed on a hub that is reached by URL; also a context manager. close() puts the hub's own pins back."""

    def __init__(self, rig: Any, line: Any, identity: dict[str, Any], strapped: bool, owned: Any) -> None:
        super().__init__(rig, line, identity, strapped)
        self._owned = owned

    def close(self) -> None:
        try:
            if isinstance(self.rig, SoftRig):
                with contextlib.suppress(BenchError):  # the hub may be gone
                    self.rig.release()
        finally:
            self._owned.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def connect(
    dut_url: str = SIM,
    rig_url: str | None = None,
    identity: dict[str, Any] | None = None,
    keep: Keep | None = None,
) -> Connection:
    """A testbed around the hub at `dut_url`, powered and settled.

    rig_url: "soft:", a fixture board's port, or None for what comes with the hub: the virtual rig of sim:, else the
        soft rig
    identity: the hub's EUIs and keys; by default those of the virtual hub
    keep: as of Testbed.record(), from the power-on on
    Raises BenchError: 2 for a bad URL or rig, 3 for no hub or a busy port, 1 for a hub that is not that identity's.
    """
    if brings_rig(dut_url):
        if rig_url not in (None, SOFT, SIM):
            raise BenchError(
                f"A virtual hub has no wires for the rig '{rig_url}': give soft:, or leave it out for its own.",
                EXIT_USAGE,
            )
        testbed = _with_rig(dut_url, rig_url, identity)
    elif rig_url in (None, SOFT):
        testbed = _real(dut_url, identity)
    elif rig_url.startswith(SIM) or rig_url + ":" == SOFT:
        raise BenchError(f"A real hub has no rig '{rig_url}': give soft: or the port of a fixture board.", EXIT_USAGE)
    else:
        testbed = _fixture(dut_url, rig_url, identity)
    with contextlib.ExitStack() as undo:
        undo.callback(testbed.close)
        if keep is not None:
            testbed.record(keep)
        testbed.power_on()
        undo.pop_all()
    return testbed


def _with_rig(url: str, rig_url: str | None, identity: dict[str, Any] | None) -> Connection:
    options, config = options_of(url)
    seed = options.get("seed", 1)
    strapped = bool(options.get("strap", 1))
    identity = {**(identity or new_identity(seed)), **config}
    if rig_url == SOFT and not strapped:
        raise BenchError("The soft rig needs the hub's bench strap: leave strap=0 out.", EXIT_USAGE)
    rig = new_rig(url, identity, **({"seed": seed} if url.startswith(SIM) else {}))
    line = _Paced(rig) if rig.speed else rig
    if rig_url != SOFT:
        return Connection(rig, line, identity, strapped, rig)
    with contextlib.ExitStack() as undo:
        undo.callback(rig.close)
        soft = SoftRig(line)
        soft.hear(rig.power_on())
        undo.pop_all()
    return Connection(soft, soft, identity, strapped, rig)


def _real(url: str, identity: dict[str, Any] | None) -> Connection:
    line = serial_line.open_line(url, REOPEN_S)
    with contextlib.ExitStack() as undo:
        undo.callback(line.close)
        identity = identity or new_identity(1)
        _strapped_client(url, line, identity, "soft rig")
        soft = SoftRig(line)
        undo.pop_all()
        return Connection(soft, soft, identity, True, line)


def _strapped_client(url: str, line: SerialLine, identity: dict[str, Any], who_needs: str) -> Client:
    """The client of the hub behind `line`. Raises BenchError where it is another's, or has no strap."""
    client = Client(Bench(line, []), line.speed)
    who = client.identify()
    if who["hub"].hex() != identity["hub"] or who["esme"].hex() != identity["esme"]:
        raise BenchError(
            f"The hub at {url} is {who['hub'].hex()}, and the keys are those of {identity['hub']}: "
            "give its own identity file."
        )
    if not who["strapped"]:
        raise BenchError(f"The hub at {url} has no bench strap, which the {who_needs} needs: fit it and restart it.")
    return client


def _fixture(url: str, rig_url: str, identity: dict[str, Any] | None) -> Connection:
    with contextlib.ExitStack() as undo:
        board = FixtureBoard(rig_url)
        undo.callback(board.close)
        board.set(s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR, True, Supply().full_mv)
        line = _when_it_is_there(url)
        undo.callback(line.close)
        identity = identity or new_identity(1)
        _strapped_client(url, line, identity, "suite").rig_set(0, 0)  # the pins count, whatever a soft rig has left
        rig = FixtureRig(board, line, powered=True)
        return Connection(rig, rig, identity, True, undo.pop_all())


def _when_it_is_there(url: str) -> SerialLine:
    """The line to a hub that has just been given its power."""
    end = time.monotonic() + REOPEN_S
    while True:
        try:
            return serial_line.open_line(url, POWERED_REOPEN_S)
        except BenchError as error:
            if error.exit_code != EXIT_NO_BOARD or time.monotonic() > end:
                raise
            time.sleep(PACE_S)


def capture_about(url: str, identity: dict[str, Any] | None) -> dict[str, Any]:
    """What the header of a capture says of the hub at `url`: recorded.about(), as far as it is known before."""
    if not brings_rig(url):
        return {} if identity is None else {"hub": {name: identity[name] for name in identity if name != "keys"}}
    options, config = options_of(url)
    seed = options.get("seed", 1)
    hub = {**(identity or new_identity(seed)), **config}
    values = {"hub": {name: hub[name] for name in hub if name != "keys"}, "clock": "real"}
    return values if identity is not None else {**values, "identity_seed": seed}


@contextlib.contextmanager
def open_bench(
    url: str, identity: dict[str, Any] | None = None, sim_speed: int = 0, keep: Keep | None = None
) -> Iterator[tuple[Bench, int]]:
    """(bench, speed) on the hub at `url`: with its simulated peers where the URL brings a rig, without any for others.

    sim_speed: of a virtual hub whose URL does not say. keep: gets the entries of a capture.
    """
    if brings_rig(url):
        options, _ = options_of(url)
        if sim_speed and "speed" not in options and url.startswith(SIM):
            url += f"{'&' if '=' in url else '?'}speed={sim_speed}"
            options["speed"] = sim_speed
        with connect(url, None, identity, keep) as testbed:
            yield testbed.bench, options.get("speed", 1)
    else:
        line = serial_line.open_line(url)
        try:
            yield Bench(line if keep is None else Recorded(line, keep), []), line.speed
        finally:
            line.close()


@contextlib.contextmanager
def open_client(url: str, identity: dict[str, Any] | None = None) -> Iterator[Client]:
    """A client of the hub at `url`."""
    with open_bench(url, identity) as (bench, speed):
        yield Client(bench, speed)


def line_of(url: str) -> SerialLine:
    """The cables of a hub that is there. Raises BenchError for a URL that brings its rig, and so its peers."""
    if brings_rig(url):
        scheme = url.partition("?")[0]
        raise BenchError(
            f"{scheme} brings its own peers: start chtool virtual and give the URL that it prints.", EXIT_USAGE
        )
    return serial_line.open_line(url)
