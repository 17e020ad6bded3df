"""One conformance suite as a pytest plugin: its marks, its session, verdicts that are never better than judged.

A scenario carries @pytest.mark.requirement(ID, ...), what it judges, and @pytest.mark.needs(CAP, ...), what the rig
must be able to do for that. Where the rig cannot, the requirement is *not judged*, which is a skip and never a pass;
with --hil-require CAP[,CAP] a missing capability ends the run at once with exit code 2. A scenario that cannot go on
because another requirement is not met raises Unmet: that one has failed, and its own are not judged. Other exit codes:
1 a scenario failed, 3 no board or busy.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest
from _pytest.mark.expression import Expression

from hil import catalogue, results
from hil.options import path_of
from host_tools.errors import EXIT_TERMINATED, EXIT_USAGE, BenchError

MARKS = (
    "requirement(id, ...): the requirements that this scenario judges",
    "needs(capability, ...): what the rig must be able to do for it",
)


class Unmet(pytest.fail.Exception):  # type: ignore[name-defined]
    """A scenario has met the failure of a requirement that it does not judge."""

    def __init__(self, requirement: str, why: str) -> None:
        super().__init__(why, pytrace=False)
        self.requirement = requirement


class Session(Protocol):
    """What all scenarios of one process share: whatever is under test, opened."""

    capabilities: frozenset[str]
    identity_text: str  # what the thing under test says of itself
    simulated: str

    def close(self) -> None: ...


@dataclass(frozen=True)
class Kind:
    """What tells one suite from another. target(config): what the command line names, with `one_at_a_time` (a thing
    that stands there runs one scenario at a time), `stepped` (its scenarios take seconds) and `required`;
    session(target): that, opened; both raise BenchError.
    lab(session, scenario): the fixture `lab`, whose close() returns what is wrong at the end, or "". diagnosis(lab,
    scenario): lines for a failure's report.
    """

    subject: results.Subject
    folder: Path
    target: Callable[[Any], Any]
    session: Callable[[Any], Session]
    lab: Callable[[Any, str], Any]
    diagnosis: Callable[[Any, str], str]


class Suite:
    """The plugin. Register it in pytest_configure, before junitxml looks where to write."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._session: Session | None = None
        self._stepped = True
        self._verdicts: results.Verdicts | None = None
        self._labs: dict[str, Any] = {}  # by pytest node id, until that scenario is over

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        for mark in MARKS:
            config.addinivalue_line("markers", mark)
        try:
            known = catalogue.requirements(self.kind.folder / "requirements.toml")
            judged_by = catalogue.scenarios(self.kind.folder)
            catalogue.check(known, judged_by)
        except catalogue.CatalogueError as error:
            raise pytest.UsageError(str(error)) from None
        _check_expressions(config)
        if not _is_worker(config):
            signal.signal(signal.SIGTERM, _terminated)
            folder = path_of(config, "--hil-report")
            self._verdicts = results.Verdicts(known, judged_by, folder, self.kind.subject)
            if folder is not None:
                _make_folder(folder)
                config.option.xmlpath = config.option.xmlpath or str(folder / results.JUNIT)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        config = session.config
        try:
            target = self.kind.target(config)
            if target.one_at_a_time and (_is_worker(config) or getattr(config.option, "dist", "no") != "no"):
                one = self.kind.subject.name
                raise BenchError(f"One {one} runs one scenario at a time: leave out -n.", EXIT_USAGE)
            self._stepped = target.stepped
            self._session = self.kind.session(target)
            missing = sorted(target.required - self._session.capabilities)
            if missing:
                asked = "which --require (pytest: --hil-require) asks for"
                raise BenchError(f"The rig has no {', '.join(missing)}, {asked}.", EXIT_USAGE)
        except BenchError as error:
            pytest.exit(str(error), returncode=error.exit_code)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._session is None:
            return
        self._session.close()
        about = {self.kind.subject.name: self._session.identity_text, "simulated": self._session.simulated}
        if self._verdicts is None:
            session.config.workeroutput["hil"] = about  # type: ignore[attr-defined]
            return
        self._verdicts.learn(about)
        self._verdicts.capabilities = sorted(self._session.capabilities)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if self._verdicts is not None:
            self._verdicts.learn(getattr(node, "workeroutput", {}).get("hil", {}))

    # ---- scenarios

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        for mark in item.iter_markers("requirement"):
            item.user_properties += [("requirement", name) for name in mark.args]
        if not self._stepped:
            # A real outage takes its three minutes, an emulated one longer; each wait has an end of its own.
            item.add_marker(pytest.mark.timeout(0))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        assert self._session is not None
        needed = {name for mark in item.iter_markers("needs") for name in mark.args}
        if needed - self._session.capabilities:
            missing = ", ".join(sorted(needed - self._session.capabilities))
            pytest.skip(f"{results.NOT_JUDGED}: the rig has no {missing}")

    @pytest.fixture
    def lab(self, request: pytest.FixtureRequest) -> Generator[Any, None, None]:
        """lab(...) is what this scenario tests, in its normal state."""
        node = request.node.nodeid
        made = self._labs[node] = self.kind.lab(self._session, node)
        yield made
        del self._labs[node]
        wrong = made.close()
        if wrong:
            pytest.fail(wrong, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and isinstance(call.excinfo.value, BenchError):  # its sentence says it all
            sentence = pytest.fail.Exception(str(call.excinfo.value), pytrace=False)
            call.excinfo = pytest.ExceptionInfo.from_exc_info((type(sentence), sentence, call.excinfo.tb))
        report = yield
        _leave_arguments_out(report.longrepr)
        made = self._labs.get(item.nodeid)
        if call.when == "call" and report.failed and made is not None:
            title = f"the {self.kind.subject.name} under test"
            report.sections.append((title, self.kind.diagnosis(made, item.nodeid)))
        if call.excinfo is not None and isinstance(call.excinfo.value, Unmet):
            report.user_properties.append((results.BLAMED, call.excinfo.value.requirement))
        return report

    # ---- verdicts

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._verdicts is not None:
            self._verdicts.add(report)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._verdicts is not None and self._verdicts.ran:
            terminalreporter.section("conformance")
            for line in self._verdicts.summary():
                terminalreporter.write_line(line)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        if self._verdicts is not None and self._verdicts.ran and self._verdicts.folder is not None:
            try:
                self._verdicts.write(Path(config.option.xmlpath))
            except OSError as error:
                raise pytest.UsageError(_no_report(self._verdicts.folder, error)) from None


def _check_expressions(config: pytest.Config) -> None:
    """Here, because a process of xdist that finds it wrong ends in a traceback."""
    for option, text in (("-k", config.option.keyword), ("-m", config.option.markexpr)):
        try:
            Expression.compile(text)
        except SyntaxError as error:
            raise pytest.UsageError(f"{option} {text} cannot be read at column {error.offset}: {error.msg}.") from None


def _leave_arguments_out(longrepr: Any) -> None:
    """Of a failure's frames: among what a function was called with there may be keys."""
    for traceback, *_ in getattr(longrepr, "chain", ()):
        for entry in traceback.reprentries:
            entry.reprfuncargs = entry.reprlocals = None


def _terminated(*_: object) -> NoReturn:
    """As Ctrl-C does, so that no virtual hub and no process of xdist is left."""
    pytest.exit("Ended by SIGTERM.", returncode=EXIT_TERMINATED)


def _make_folder(folder: Path) -> None:
    """Before anything runs: a run whose report cannot be written would have been for nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(_no_report(folder, error)) from None


def _no_report(folder: Path, error: OSError) -> str:
    return f"The report cannot be written to {folder}: {error.strerror}."


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
