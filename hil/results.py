"""What a run came to, requirement by requirement: to the terminal, and as junit.xml, results.json and index.html."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hil.catalogue import Requirement

PASSED = "passed"
FAILED = "failed"
NOT_JUDGED = "not judged"
LEFT_OUT = "left out of this run"
BLAMED = "blamed"  # a scenario's user property: the requirement whose failure has stopped it
JUNIT = "junit.xml"
_PAGE = Path(__file__).with_name("index.html.j2")


@dataclass(frozen=True)
class Subject:
    """What a suite tests. name: in a sentence. title: in full, with its article."""

    name: str
    title: str


HUB = Subject("hub", "a Communications Hub")
METER = Subject("meter", "an electricity meter")


class Verdicts:
    """Collects reports; a requirement has passed only when all of its scenarios have run and passed.

    judged_by: requirement ids by scenario, "test_file.py::test_name". folder: where write() puts the report.
    """

    def __init__(
        self,
        known: dict[str, Requirement],
        judged_by: dict[str, list[str]],
        folder: Path | None = None,
        subject: Subject = HUB,
    ) -> None:
        self.known = known
        self.judged_by = judged_by
        self.folder = folder
        self.subject = subject
        self.about: dict[str, str] = {}
        self.capabilities: list[str] = []
        self._cases: dict[str, tuple[str, str]] = {}  # node id -> (verdict, why)
        self._blamed: dict[str, str] = {}  # node id -> the requirement that has stopped it

    @property
    def ran(self) -> bool:
        return bool(self._cases)

    def learn(self, about: dict[str, str]) -> None:
        """What a process has found out: by the subject's name, what it says of itself; "simulated"."""
        self.about |= {name: text for name, text in about.items() if text}

    def add(self, report: Any) -> None:
        """One phase of one scenario, a pytest TestReport."""
        if not any(name == "requirement" for name, _ in report.user_properties):
            return
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = (crash.message if crash else str(report.longrepr)).splitlines()
            self._cases[report.nodeid] = (
                FAILED,
                why[0].removeprefix("hil.suite.Unmet: ").removeprefix("Failed: ") if why else "",
            )
            blamed = [text for name, text in report.user_properties if name == BLAMED]
            if blamed:
                self._blamed[report.nodeid] = blamed[0]
        elif report.skipped:
            self._cases[report.nodeid] = (NOT_JUDGED, str(report.longrepr[2]).removeprefix("Skipped: "))
        elif report.when == "call":
            self._cases.setdefault(report.nodeid, (PASSED, ""))

    # ---- what it adds up to

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each requirement, in the catalogue's order: id, text, source, level, verdict, why, tests."""
        cases: dict[str, list[tuple[str, str, str]]] = {}
        for node, case in self._cases.items():
            cases.setdefault(_scenario_of(node), []).append((node, *case))
        return [self._row(requirement, cases) for requirement in self.known.values()]

    def _row(self, requirement: Requirement, cases_of: dict[str, list[tuple[str, str, str]]]) -> dict[str, Any]:
        scenarios = [scenario for scenario, ids in self.judged_by.items() if requirement.id in ids]
        tests = []
        for scenario in scenarios:
            cases = cases_of.get(scenario, [(scenario, NOT_JUDGED, LEFT_OUT)])
            tests += [self._test(requirement.id, *case) for case in cases]
        shown = {test["test"] for test in tests}
        stopped = [node for node, name in self._blamed.items() if name == requirement.id and node not in shown]
        tests += [self._test(requirement.id, node, *self._cases[node]) for node in stopped]
        verdicts = {test["verdict"] for test in tests} or {NOT_JUDGED}
        worst = next(verdict for verdict in (FAILED, NOT_JUDGED, PASSED) if verdict in verdicts)
        why = "; ".join(dict.fromkeys(test["why"] for test in tests if test["verdict"] == worst and test["why"]))
        about = {"id": requirement.id, "text": requirement.text, "source": requirement.source}
        return {**about, "level": requirement.level, "verdict": worst, "why": why, "tests": tests}

    def _test(self, requirement: str, node: str, verdict: str, why: str) -> dict[str, str]:
        """One scenario, as it counts for a requirement: one that another requirement has stopped has judged nothing."""
        blamed = self._blamed.get(node, requirement)
        if blamed != requirement:
            verdict, why = NOT_JUDGED, f"{blamed} has failed"
        return {"test": node, "verdict": verdict, "why": why}

    def counts(self) -> dict[str, int]:
        """Requirements by verdict."""
        found = Counter(row["verdict"] for row in self.rows())
        return {verdict: found[verdict] for verdict in (PASSED, FAILED, NOT_JUDGED)}

    def summary(self) -> list[str]:
        """For the terminal: the counts, and each requirement that did not pass."""
        name = self.subject.name
        lines = [f"{name} under test: {self.about.get(name) or 'none answered'}"]
        if self.about.get("simulated"):
            lines.append(f"simulated: {self.about['simulated']}")
        for row in self.rows():
            if row["verdict"] == FAILED or (row["verdict"] == NOT_JUDGED and row["why"] != LEFT_OUT):
                lines.append(f"{row['id']} {row['verdict']} ({row['level']}): {row['text']} [{row['why']}]")
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts().items())
        return [*lines, f"{len(self.known)} requirements: {counts}; {len(self._cases)} scenarios"]

    # ---- files

    def write(self, junit: Path) -> None:
        """Write the report folder; `junit` is the file that pytest has written."""
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / JUNIT
        if junit.is_file() and junit.resolve() != target.resolve():
            shutil.copyfile(junit, target)
        if target.is_file():
            self._tell_junit(target)
        whole = self.whole()
        (self.folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        (self.folder / "index.html").write_text(_render(self.subject, whole), encoding="utf-8")

    def whole(self) -> dict[str, Any]:
        """What results.json holds."""
        return {
            self.subject.name: self.about.get(self.subject.name, ""),
            "simulated": self.about.get("simulated", ""),
            "capabilities": self.capabilities,
            "counts": self.counts(),
            "requirements": self.rows(),
        }

    def _tell_junit(self, path: Path) -> None:
        """A report says what was tested and what was simulated, so this one does too."""
        tree = ElementTree.parse(path)
        for suite in tree.getroot().iter("testsuite"):
            properties = suite.find("properties")
            if properties is None:
                properties = ElementTree.Element("properties")
                suite.insert(0, properties)
            for name in (self.subject.name, "simulated"):
                ElementTree.SubElement(properties, "property", name=name, value=self.about.get(name, ""))
            capabilities = ",".join(self.capabilities)
            ElementTree.SubElement(properties, "property", name="rig capabilities", value=capabilities)
        tree.write(path, encoding="utf-8", xml_declaration=True)


def _scenario_of(node: str) -> str:
    """The scenario that a pytest node id belongs to: without folder and parameters."""
    path, _, name = node.partition("::")
    return f"{Path(path).name}::{name.partition('[')[0]}"


def _render(subject: Subject, whole: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        loader=FileSystemLoader(_PAGE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template(_PAGE.name).render(subject=subject, said=whole[subject.name], **whole)
