"""The list of mutants fits the code as it stands: each can still be applied, and each invariant has one."""

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import copy_to, killer
from tests.mutants.catalogue import INVARIANTS, MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.invariant}-{Path(one.file).stem}")
def test_a_mutant_can_be_applied(mutant):
    text = (ROOT / mutant.file).read_text()
    assert text.count(mutant.old) == 1, "the code has changed: so must the mutant"
    assert mutant.new not in (mutant.old, text)
    ast.parse(text.replace(mutant.old, mutant.new))
    assert all((ROOT / name).exists() for name in mutant.tests.split())


def test_every_invariant_has_a_mutant():
    assert {mutant.invariant for mutant in MUTANTS} == set(INVARIANTS)
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


def test_every_invariant_is_named_in_the_design():
    design = (ROOT / "firmware" / "DESIGN.md").read_text()
    assert not [name for name in INVARIANTS if name not in design]


def test_the_runner_tells_a_mutant_that_falls_from_one_that_survives(tmp_path):
    copy_to(tmp_path)
    (tmp_path / "tests" / "test_probe.py").write_text(
        '"""A probe."""\nfrom chf.core import limits\n\n\ndef test_probe():\n    assert limits.QUEUE_MAX == 8\n'
    )
    file, probe = "firmware/chf/core/limits.py", "tests/test_probe.py"
    falls = Mutant("Liveness", file, "QUEUE_MAX = 8", "QUEUE_MAX = 9", probe)
    survives = Mutant("Liveness", file, "LOG_MAX = 16", "LOG_MAX = 17", probe)
    assert killer(falls, tmp_path) == "tests/test_probe.py::test_probe"
    assert killer(survives, tmp_path) is None
    assert (tmp_path / file).read_text() == (ROOT / file).read_text(), "each mutant is taken back"
