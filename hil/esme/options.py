"""The meter suite's own options, and the one thing that they and the shared ones add up to: the Target to test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chf.wire import schema as s
from hil.esme.rig import TextRig
from hil.options import KEYS, command, path_of, required_of
from host_tools.deploy.provisioning import new_identity, read_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.own_rig import SIM
from host_tools.sim.meter_body import MeterBody

DEFERRED_S = 960  # a declaration that was refused may come again after 15 min


def add_options(parser: Any) -> None:
    group = parser.getgroup("hil-esme", "conformance of an electricity meter")
    group.addoption("--esme-dut", metavar="URL", default=SIM, help="meter under test: its HAN; default: sim:?kind=good")
    group.addoption("--esme-rig", metavar="URL", default=None, help="its rig (hil/esme/RIG.md); default: none")
    group.addoption(
        "--esme-cs06",
        metavar="FILE",
        default=None,
        help="CS06 messages for that meter, one a line in hex: used in turn, once each",
    )
    group.addoption(
        "--esme-rest",
        metavar="SECONDS",
        type=seconds,
        default=DEFERRED_S,
        help=f"how long a meter that nobody can cancel says nothing when it is at rest; default: {DEFERRED_S}",
    )
    group.addoption("--esme-slow", action="store_true", help="judge what takes up to 25 hours, in real time too")


def seconds(text: str) -> float:
    """So many seconds, more than none. Raises ValueError."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


@dataclass(frozen=True)
class Target:
    """What is tested, as the command line says. Nothing is opened before connect()."""

    dut: str
    rig: str | None
    keys: Path | None
    cs06: Path | None
    rest_s: float
    slow: bool
    required: frozenset[str]
    seed: int

    @property
    def virtual(self) -> bool:
        """A simulated meter in this process: each scenario gets a new one."""
        return self.dut.startswith(SIM)

    @property
    def one_at_a_time(self) -> bool:
        """There is one meter, so that scenarios cannot run side by side."""
        return not self.virtual

    @property
    def stepped(self) -> bool:
        """Its time is stepped: a scenario takes seconds."""
        return self.virtual

    @property
    def command(self) -> str:
        """The options that lead here again, for the rerun command of a failure."""
        given = {"--esme-dut": self.dut if self.dut != SIM else None, "--esme-rig": self.rig, "--hil-keys": self.keys}
        rest = f"{self.rest_s:g}" if self.rest_s != DEFERRED_S else None
        more = {"--esme-cs06": self.cs06, "--esme-rest": rest}
        return command({"--hil-seed": self.seed, **given, **more}, {"--esme-slow": self.slow})

    def identity(self) -> dict[str, Any]:
        """EUIs and keys: of the file, else those that the simulated meter has. Raises BenchError."""
        if self.keys is not None:
            return read_identity(self.keys)
        if self.virtual:
            return new_identity(self.seed)
        raise BenchError(f"The suite plays the meter's hub: give their identity file with {KEYS}.", EXIT_USAGE)

    def virtual_meter(self) -> MeterBody:
        """A new simulated meter, powered. Raises BenchError."""
        query = self.dut[len(SIM) :]
        try:
            pairs = parse_qsl(query[1:], keep_blank_values=True, strict_parsing=True) if query[1:] else []
        except ValueError:
            pairs = [("", "")]
        if query[:1] not in ("", "?") or any(name != "kind" for name, _ in pairs):
            raise BenchError(f"'{self.dut}' does not fit: give sim: alone or sim:?kind=KIND.", EXIT_USAGE)
        if self.rig:
            raise BenchError("A simulated meter brings its own rig: leave --rig (pytest: --esme-rig) out.", EXIT_USAGE)
        return MeterBody(self.identity(), dict(pairs).get("kind", "good"))

    def connect(self) -> TextRig:
        """The meter that is there, and its rig. Raises BenchError: no port, busy, a rig that does not answer."""
        return TextRig(self.dut, self.rig)

    def messages(self) -> list[bytes]:
        """The CS06 messages of the file. Raises BenchError."""
        if self.cs06 is None:
            return []
        try:
            lines = self.cs06.read_text(encoding="ascii").splitlines()
            messages = [bytes.fromhex(line) for line in lines if line.strip()]
            if any(len(message) > s.GBCS_MAX for message in messages):
                raise ValueError
            return messages
        except OSError as error:
            raise BenchError(f"{self.cs06} cannot be read: {error.strerror}.", EXIT_USAGE) from None
        except ValueError:
            raise BenchError(f"{self.cs06} does not fit: give one CS06 message a line, in hex.", EXIT_USAGE) from None


def target_of(config: Any) -> Target:
    """The Target that the command line names."""
    value = config.getoption
    return Target(
        dut=value("--esme-dut"),
        rig=value("--esme-rig"),
        keys=path_of(config, "--hil-keys"),
        cs06=path_of(config, "--esme-cs06"),
        rest_s=value("--esme-rest"),
        slow=value("--esme-slow"),
        required=required_of(config),
        seed=value("--hil-seed"),
    )
