"""CHF_VM: the virtual hub on another build of MicroPython's unix port."""

import sys

import pytest

from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.testbed import virtual


def test_the_hub_runs_on_the_build_that_is_named_and_what_is_frozen_in_it_comes_first(tmp_path, monkeypatch):
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    program, told = tmp_path / "micropython", tmp_path / "told.txt"
    run = "import sys, micropython_unix; sys.exit(micropython_unix.main())"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{told}"\nexec "{sys.executable}" -c "{run}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("CHF_VM", str(program))
    with virtual(heap="77wk") as bed:
        assert "MicroPython" in bed.bench.ask("identify").fields["text"].decode()
    last = told.read_text().splitlines()[-1]
    assert last == "-X heapsize=77wk -c import sys; sys.path.insert(0, '.frozen'); import main"


@pytest.mark.parametrize("name", ["/no/such/program", __file__])
def test_what_is_no_program_is_one_sentence(monkeypatch, name):
    monkeypatch.setenv("CHF_VM", name)
    with pytest.raises(BenchError, match=r"CHF_VM names .*, which is no program") as told, virtual():
        pass
    assert told.value.exit_code == EXIT_NO_BOARD
