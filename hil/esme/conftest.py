"""Makes the folder a pytest suite of its own: a meter's options and its plugin, in place of the hub's."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil import results
from hil.esme import diagnosis
from hil.esme.lab import Lab, Session
from hil.esme.options import add_options, target_of
from hil.suite import Kind, Suite

FOLDER = Path(__file__).resolve().parent
METER = Kind(results.METER, FOLDER, target_of, Session, Lab, diagnosis.of)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    given = [Path(config.invocation_params.dir, str(word).partition("::")[0]).resolve() for word in config.args]
    if not all(path.is_relative_to(FOLDER) for path in given):
        raise pytest.UsageError("A run tests a hub or a meter: give scenarios of hil/ or of hil/esme/, not of both.")
    for option, value in (("--hil-dut", "sim:"), ("--hil-rig", None)):
        if config.getoption(option) != value:
            raise pytest.UsageError(f"{option} is a hub's: a meter is given with --esme-dut and --esme-rig.")
    config.pluginmanager.register(Suite(METER), "hil-suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not target_of(config).virtual:  # a meter in real time has a deadline on each wait, not on a whole scenario
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
