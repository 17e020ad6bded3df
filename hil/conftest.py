"""Makes the folder a pytest suite: a hub's options and its plugin. A meter's, in esme/, is a suite of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil import diagnosis, results
from hil.lab import Lab, Session
from hil.options import add_options, target_of
from hil.suite import Kind, Suite

FOLDER = Path(__file__).resolve().parent
METER = FOLDER / "esme"
collect_ignore = [str(METER)]
HUB = Kind(results.HUB, FOLDER, target_of, Session, Lab, diagnosis.of)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    loaded = [Path(name) for name, _ in config.pluginmanager.list_name_plugin() if name.endswith("conftest.py")]
    if METER / "conftest.py" not in [path.resolve() for path in loaded]:
        config.pluginmanager.register(Suite(HUB), "hil-suite")
