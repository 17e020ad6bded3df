"""A hub with a fault of its own, on the real VM: the replay of its capture parts at the frame where the fault shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from replay_captures import from_the_field
from rigs import needs_vm

from host_tools.replay.run import DIFFERS, EXTRA, MISSING
from host_tools.replay.search import replay

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60
pytestmark = needs_vm

# Runs in a tree of its own, whose firmware has the fault.
LIFE = """
import sys
from pathlib import Path

from host_tools.link import capture
from host_tools.link.recorded import about
from host_tools.testbed import virtual

passed = []
with virtual(keep=passed.append) as bed:
{act}
    capture.write(Path(sys.argv[1]), passed, **about(bed.identity, bed.rig, 1))
"""
GENUINE = "bed.lose_supply(200); bed.restore_supply(10); bed.state()"
DECLARED = "bed.declare(); bed.lose_supply(200); bed.restore_supply(10)"
UNHEARD = "bed.headend.acknowledge = False; bed.lose_supply(200); bed.restore_supply(200)"
TWICE = "bed.declare(); old = bed.esme.last_content; bed.esme.cancel(bed.now_ms); bed.advance_s(3); " + (
    "bed.bench.transmit(1, old); bed.advance_s(3); bed.lose_supply(200)"
)
# fault: (file, text, in its place, what is done, how they part, name of the frame, field that differs or None, at ms)
FAULTS = {
    "ten seconds early": (
        *("core/limits.py", "AD1_THRESHOLD_MS = 180_000", "AD1_THRESHOLD_MS = 170_000"),
        *(GENUINE, EXTRA, "ad1", "elapsed_s", 173_048),
    ),
    "three seconds late": (
        *("core/limits.py", "AD1_THRESHOLD_MS = 180_000", "AD1_THRESHOLD_MS = 183_000"),
        *(GENUINE, MISSING, "ad1", None, 183_048),
    ),
    "takes a short return for the end": (
        *("core/limits.py", "RESTORE_QUALIFY_MS = 2_000", "RESTORE_QUALIFY_MS = 500"),
        *(GENUINE, EXTRA, "restored", None, 203_548),
    ),
    "plain where it must tag": (
        *("core/policy.py", "policy-tag         tagged activation", "policy-tag         plain  loss      "),
        *(DECLARED, DIFFERS, "ad1", "level", 183_060),
    ),
    "takes a counter twice": (
        *("core/floor.py", "if counter > self.counter:", "if True:"),
        *(TWICE, MISSING, "flag_refusal", None, 6_070),
    ),
    "repeats too soon": (
        *("core/limits.py", "RETRY_FIRST_MS = 5_000", "RETRY_FIRST_MS = 2_000"),
        *(UNHEARD, EXTRA, "ad1", None, 185_500),
    ),
    "never tells the end": (
        *("core/outage.py", "return self.end is not None and", "return False and"),
        *(GENUINE, MISSING, "restored", None, 205_048),
    ),
    "a MAC of its own": (
        *("wire/auth.py", "return self.mac(data, n)[:MAC_LEN]", "return self.mac(data, n)[1:MAC_LEN + 1]"),
        *(GENUINE, "mac", "time_request", None, 48),
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the project in which a fault may be put; the built firmware is cached by what it is made of."""
    tree = tmp_path_factory.mktemp("faulty")
    for name in ("firmware", "boards", "host_tools"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "_carried"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def capture_of(tree: Path, path: Path, file: str, good: str, bad: str, act: str) -> Path:
    source = tree / "firmware" / "chf" / file
    whole = source.read_text()
    assert whole.count(good) == 1, f"{file} has changed: put the fault elsewhere"
    source.write_text(whole.replace(good, bad))
    try:
        life = LIFE.format(act="".join(f"    {one.strip()}\n" for one in act.split(";")))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "-c", life, str(path)],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
    finally:
        source.write_text(whole)
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_at_its_frame(tree, tmp_path, fault):
    file, good, bad, act, kind, name, field, at_ms = FAULTS[fault]
    path = capture_of(tree, tmp_path / "c.jsonl", file, good, bad, act)
    part = replay(path).part
    assert part is not None
    assert part.kind == kind
    assert abs(part.at_ms - at_ms) <= 500, part.at_ms
    frame = part.hub or part.reference
    assert frame is not None and frame.name == name
    if field is not None:
        assert field in [one.field for one in part.fields]
    # Without keys no one can tell a MAC; all else shows to a sniffer, too.
    assert (replay(from_the_field(path)).part is None) is (kind == "mac")


def test_the_early_one_is_shown_beside_what_the_reference_says_later(tree, tmp_path):
    file, good, bad, act, *_ = FAULTS["ten seconds early"]
    part = replay(capture_of(tree, tmp_path / "c.jsonl", file, good, bad, act)).part
    assert part is not None and part.later is not None
    assert part.later.name == "ad1" and abs(part.later.at_ms - part.at_ms - 10_000) < 100


def test_the_tree_without_a_fault_does_not_part(tree, tmp_path):
    path = capture_of(tree, tmp_path / "c.jsonl", "core/limits.py", "AD1_THRESHOLD_MS", "AD1_THRESHOLD_MS", TWICE)
    assert replay(path).part is None
