"""The suite's command line options, and the one thing that they add up to: the Target to test."""

from __future__ import annotations

import contextlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.bare import BARE, flashed
from host_tools.deploy.provisioning import new_identity, read_identity
from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link.connect import connect
from host_tools.link.own_rig import SIM, brings_rig, new_rig, options_of
from host_tools.testbed import Testbed

FAILED_CAPTURES = "build/hil-captures"
KEYS = "--keys FILE (pytest: --hil-keys FILE)"  # as the task and as pytest alone call it


def add_options(parser: Any) -> None:
    group = parser.getgroup("hil", "conformance of a Communications Hub")
    group.addoption(
        "--hil-dut",
        metavar="URL",
        default=SIM,
        help="hub under test; default: sim:, a virtual hub; bare: is a virtual dev board, flashed first",
    )
    group.addoption("--hil-rig", metavar="URL", default=None, help="rig; default: the one that comes with the hub")
    group.addoption("--hil-keys", metavar="FILE", default=None, help="identity file of the hub under test: EUIs, keys")
    group.addoption("--hil-report", metavar="DIR", default=None, help="write junit.xml, results.json and index.html")
    group.addoption(
        "--hil-captures",
        metavar="DIR",
        default=None,
        help="keep a capture of every scenario here; default: of those that fail, with the report or in "
        f"{FAILED_CAPTURES}",
    )
    group.addoption(
        "--hil-require",
        metavar="CAP[,CAP]",
        default="",
        help="end with exit code 2 unless the rig has these capabilities",
    )
    group.addoption("--hil-realtime", action="store_true", help="the virtual hub runs on the real clock")
    group.addoption("--hil-seed", metavar="N", type=int, default=1, help="seed of the virtual hub's random octets")
    group.addoption("--hil-shared", action="store_true", help="one virtual hub for the whole run, as a real one is")


@dataclass(frozen=True)
class Target:
    """What is tested, as the command line says. Nothing is opened before connect()."""

    dut: str
    rig: str | None
    keys: Path | None
    required: frozenset[str]
    realtime: bool
    seed: int
    shared: bool
    captures: Path  # where captures of scenarios go
    keep_all: bool  # of those that pass, too

    @property
    def virtual(self) -> bool:
        """The virtual hub on its own rig: each scenario gets a new one, unless `shared`."""
        return brings_rig(self.dut) and self.rig is None

    @property
    def bare(self) -> bool:
        """A virtual dev board, flashed first: one for each process."""
        return self.dut.startswith(BARE)

    @property
    def one_at_a_time(self) -> bool:
        """There is one hub, so that scenarios cannot run side by side."""
        return not (self.virtual or self.bare) or self.shared

    @property
    def stepped(self) -> bool:
        """The unix VM on its stepped clock: a scenario takes seconds."""
        return self.dut.startswith(SIM) and not self.realtime and not options_of(self.dut)[0].get("speed", 0)

    @property
    def command(self) -> str:
        """The options that lead here again, for the rerun command of a failure."""
        given = {"--hil-dut": self.dut if self.dut != SIM else None, "--hil-rig": self.rig, "--hil-keys": self.keys}
        switches = {"--hil-realtime": self.realtime, "--hil-shared": self.shared}
        return command({"--hil-seed": self.seed, **given}, switches)

    def identity(self) -> dict[str, Any]:
        """EUIs and keys: of the file, else those that the virtual hub is provisioned with. Raises BenchError."""
        if self.keys is not None:
            return read_identity(self.keys)
        if brings_rig(self.dut) or self.bare:
            return new_identity(self.seed)
        raise BenchError(f"The suite plays the hub's peers: give its identity file with {KEYS}.", EXIT_USAGE)

    def provisioned(self) -> dict[str, Any]:
        """The identity with what the URL of a virtual hub changes in it. Raises BenchError."""
        return {**self.identity(), **(options_of(self.dut)[1] if brings_rig(self.dut) else {})}

    @property
    def key_seed(self) -> int | None:
        """The seed of a virtual hub's identity, None where the keys are somebody's own."""
        return self.seed if self.keys is None and (brings_rig(self.dut) or self.bare) else None

    def virtual_hub(self, seed: int, strapped: bool) -> Any:
        """A new virtual hub and its rig, its power off. Raises BenchError."""
        given = {"seed": seed, "speed": 1 if self.realtime else 0} if self.dut.startswith(SIM) else {}
        return new_rig(self.dut, self.identity(), strapped=strapped, **given)

    def capabilities(self) -> frozenset[str]:
        """What the virtual rig can do on this clock. Raises BenchError where this machine cannot run it."""
        if not self.dut.startswith(SIM):
            from host_tools.virtual.pico_rig import CAPABILITIES as EMULATED

            rig = self.virtual_hub(self.seed, True)
            rig.switch_on()  # the emulator reads its file here
            rig.close()
            return EMULATED
        if os.name != "posix":
            raise BenchError(
                "The virtual hub runs on Linux and macOS: give a real hub with --dut URL (pytest: --hil-dut URL).",
                EXIT_NO_BOARD,
            )
        from host_tools.virtual.process import vm_import
        from host_tools.virtual.rig import CAPABILITIES

        vm_import("main")
        speed = options_of(self.dut)[0].get("speed", 0)
        return CAPABILITIES - {"stepped-time"} if self.realtime or speed else CAPABILITIES

    def connect(self, undo: contextlib.ExitStack) -> Testbed:
        """The testbed around the one hub; `undo` gets what closes it. Raises BenchError: no board, busy, wrong keys."""
        dut = undo.enter_context(flashed(self.dut, self.identity())) if self.bare else self.dut
        return undo.enter_context(connect(dut, self.rig, self.identity()))


def command(given: dict[str, object], switches: dict[str, bool]) -> str:
    """Those of the options that are given, as a shell takes them: option to value, None or "" for one that is not."""
    words = [f"{option} {shlex.quote(str(value))}" for option, value in given.items() if value not in (None, "")]
    return " ".join([*words, *(option for option, is_set in switches.items() if is_set)])


def path_of(config: Any, option: str) -> Path | None:
    """The file or folder that an option names, None where it is not given."""
    value = config.getoption(option)
    return Path(value) if value else None


def required_of(config: Any) -> frozenset[str]:
    """The capabilities that --hil-require names."""
    return frozenset(filter(None, (name.strip() for name in config.getoption("--hil-require").split(","))))


def target_of(config: Any) -> Target:
    """The Target that the command line names."""
    value = config.getoption
    kept, report = path_of(config, "--hil-captures"), path_of(config, "--hil-report")
    return Target(
        dut=value("--hil-dut"),
        rig=value("--hil-rig"),
        keys=path_of(config, "--hil-keys"),
        required=required_of(config),
        realtime=value("--hil-realtime"),
        seed=value("--hil-seed"),
        shared=value("--hil-shared"),
        captures=kept or (report / "captures" if report else Path(FAILED_CAPTURES)),
        keep_all=kept is not None,
    )
