"""Runs tests/, then hil/ and hil/esme/, and ends in one line that counts all: `python -m tests.run`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
SUITES = ("tests", "hil", "hil/esme")


class Result(NamedTuple):
    """What one suite came to. `note` is said where its cases do not tell the whole."""

    passed: int = 0
    failed: int = 0
    skips: tuple[str, ...] = ()
    note: str = ""
    broken: bool = False


def read_junit(path: Path) -> Result:
    """Counts the cases of a JUnit file, each once by its worst element, and names those skipped with their reason."""
    passed = failed = 0
    skips = []
    for case in ElementTree.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is not None:
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            skips.append(f"{name}: {skipped.get('message', 'no reason given')}")
        else:
            passed += 1
    return Result(passed, failed, tuple(skips))


def run_suite(suite: str) -> Result:
    """Runs one suite on all cores and leaves build/SUITE.xml (JUnit), with - for / in its name."""
    BUILD.mkdir(exist_ok=True)
    name = suite.replace("/", "-")
    junit = BUILD / f"{name}.{os.getpid()}.xml"  # a second run at the same time has its own
    options = ["-n", "auto", "--dist", "worksteal", f"--junit-xml={junit}"]
    code = subprocess.run([sys.executable, "-m", "pytest", suite, *options], cwd=ROOT).returncode
    if not junit.exists():
        return Result(note=f"{suite}/ was cut off (pytest's exit code {code}): its output above says why.", broken=True)
    result = read_junit(junit)
    os.replace(junit, BUILD / f"{name}.xml")
    if code == 0 or (code == 1 and result.failed):
        return result
    return result._replace(
        note=f"{suite}/ ended with pytest's exit code {code}: its output above says why.", broken=True
    )


def report(results: list[Result]) -> int:
    """Prints each skip, each note and last the counts, alone on their line; returns the exit code."""
    print()
    for result in results:
        for skip in result.skips:
            print(f"skipped {skip}")
    for result in results:
        if result.note:
            print(result.note)
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed, {sum(len(result.skips) for result in results)} skipped", flush=True)
    return int(failed > 0 or passed == 0 or any(result.broken for result in results))


if __name__ == "__main__":
    sys.exit(report([run_suite(suite) for suite in SUITES]))
