"""The suite as a pytest plugin: options, marks, the hub of each scenario, verdicts that are never better than judged.

A scenario carries @pytest.mark.requirement(ID, ...), what it judges, and @pytest.mark.needs(CAP, ...), what the rig
must be able to do for that. Where the rig cannot, the requirement is *not judged*, which is a skip and never a pass;
with --hil-require CAP[,CAP] a missing capability ends the run at once with exit code 2. Other exit codes: 1 a scenario
failed, 3 no board or busy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil import catalogue, diagnosis, results
from hil.lab import Lab, Session
from hil.options import add_options, target_of
from host_tools.errors import EXIT_USAGE, BenchError

SESSION = pytest.StashKey[Session]()
LAB = pytest.StashKey[Lab]()
VERDICTS = pytest.StashKey[results.Verdicts]()
_MARKS = (
    "requirement(id, ...): the requirements that this scenario judges",
    "needs(capability, ...): what the rig must be able to do for it",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    try:
        known, judged_by = catalogue.requirements(), catalogue.scenarios()
        catalogue.check(known, judged_by)
    except catalogue.CatalogueError as error:
        raise pytest.UsageError(str(error)) from None
    if not _is_worker(config):
        report = config.getoption("--hil-report")
        verdicts = results.Verdicts(known, judged_by, Path(report) if report else None)
        config.stash[VERDICTS] = verdicts
        config.pluginmanager.register(_Log(verdicts), "hil-verdicts")
        if report and not config.option.xmlpath:
            config.option.xmlpath = str(Path(report) / results.JUNIT)


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    target = target_of(config)
    try:
        one_hub = not target.virtual or target.shared
        if one_hub and (_is_worker(config) or getattr(config.option, "dist", "no") != "no"):
            raise BenchError("One hub runs one scenario at a time: leave out -n.", EXIT_USAGE)
        config.stash[SESSION] = Session(target)
        missing = sorted(target.required - config.stash[SESSION].capabilities)
        if missing:
            raise BenchError(f"The rig has no {', '.join(missing)}, which --hil-require asks for.", EXIT_USAGE)
    except BenchError as error:
        pytest.exit(str(error), returncode=error.exit_code)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    opened = session.config.stash.get(SESSION, None)
    if opened is None:
        return
    opened.close()
    about = {"hub": opened.identity_text, "simulated": opened.simulated}
    if _is_worker(session.config):
        session.config.workeroutput["hil"] = about  # type: ignore[attr-defined]
        return
    verdicts = session.config.stash[VERDICTS]
    verdicts.learn(about)
    verdicts.capabilities = sorted(opened.capabilities)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[VERDICTS].learn(getattr(node, "workeroutput", {}).get("hil", {}))


# ---- scenarios


def pytest_itemcollected(item: pytest.Item) -> None:
    for mark in item.iter_markers("requirement"):
        item.user_properties += [("requirement", name) for name in mark.args]


def pytest_runtest_setup(item: pytest.Item) -> None:
    able = item.config.stash[SESSION].capabilities
    needed = {name for mark in item.iter_markers("needs") for name in mark.args}
    if needed - able:
        pytest.skip(f"{results.NOT_JUDGED}: the rig has no {', '.join(sorted(needed - able))}")


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """lab(policy) is the hub of this scenario, in its normal state."""
    made = Lab(request.config.stash[SESSION], request.node.nodeid)
    request.node.stash[LAB] = made
    yield made
    printed = made.close()
    if printed:
        lines = printed.strip().splitlines()
        pytest.fail("\n".join([f"An exception ended the firmware: {lines[-1]}", *lines[-20:]]), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    made = item.stash.get(LAB, None)
    if call.when == "call" and report.failed and made is not None:
        report.sections.append(("the hub under test", diagnosis.of(made, item.nodeid)))
    return report


# ---- verdicts


class _Log:
    """Hears every report, of this process or of its workers."""

    def __init__(self, verdicts: results.Verdicts) -> None:
        self.verdicts = verdicts

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.verdicts.add(report)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    verdicts = config.stash.get(VERDICTS, None)
    if verdicts is not None and verdicts.ran:
        terminalreporter.section("conformance")
        for line in verdicts.summary():
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    verdicts = config.stash.get(VERDICTS, None)
    if verdicts is not None and verdicts.ran and verdicts.folder is not None:
        verdicts.write(Path(config.option.xmlpath))
