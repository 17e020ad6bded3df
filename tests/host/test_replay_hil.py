"""A scenario of the conformance suite that fails leaves a capture, and the one command that replays it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from chtool import ROOT, inside, json_of
from rigs import needs_vm

from host_tools.link import capture

LIMIT_S = 100
SCENARIO = "hil/test_policy.py::test_under_tag_an_activation_that_ends_in_time_is_tagged_and_restored"
pytestmark = needs_vm


def hil(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)


def test_a_failing_scenario_leaves_a_capture_that_replays(tmp_path):
    """The hub is provisioned with another policy than the scenario takes for granted."""
    done = hil(SCENARIO, "--hil-dut", "sim:?policy=alert", "--hil-report", str(tmp_path / "out"))
    assert done.returncode == 1, done.stdout
    (path,) = re.findall(r"replay: chtool replay '(.*)'", done.stdout)
    assert path.startswith(str(tmp_path / "out" / "captures")) and "ends-in-time" in path
    result = json_of("replay", path)
    assert result["same"] and result["of_hub"] == result["compared"] > 4
    assert inside("replay", path, "--make-test", tmp_path).returncode == 0


@pytest.mark.parametrize("options", [(), ("--hil-rig", "soft:"), ("--hil-shared",)], ids=" ".join)
def test_every_scenario_leaves_one_where_that_is_asked_for(tmp_path, options):
    done = hil(SCENARIO, "hil/test_threshold.py", "--hil-captures", str(tmp_path), *options)
    assert done.returncode == 0, done.stdout
    captures = sorted(tmp_path.glob("*.jsonl"))
    assert len(captures) > 2
    for path in captures:
        result = json_of("replay", path)
        assert result["same"], (path.name, result)
        assert not [one for one in capture.read(path) if isinstance(one, capture.Bad)]


def test_no_scenario_that_passes_leaves_one_unasked(tmp_path):
    done = hil(SCENARIO, "--hil-report", str(tmp_path / "out"))
    assert done.returncode == 0 and "replay:" not in done.stdout
    assert not (tmp_path / "out" / "captures").exists()
