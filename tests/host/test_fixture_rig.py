"""The fixture board's program on the VM by its own messages, and as the rig of a hub that its pins drive."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chf.wire import schema as s
from host_tools import frames
from host_tools.deploy.provisioning import new_identity, write_identity
from host_tools.errors import EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link import capture, fixture_rig
from host_tools.link.connect import connect
from host_tools.link.fixture_rig import FixtureBoard
from tests.host import fixture_loop

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = new_identity(1)
ALL = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
OFF = {"rail": 0, "power": 0, "ac_lo": 1, "mt_pr": 1, "level": 0}
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the virtual hub needs PTYs"),
    pytest.mark.timeout(90),
]
pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")


@pytest.fixture
def board(tmp_path):
    with contextlib.closing(fixture_loop.Board(tmp_path)) as board:
        yield board


def test_it_starts_with_the_hub_off_and_says_who_it_is(board):
    with contextlib.closing(FixtureBoard(board.url)) as fixture:
        assert fixture.text.startswith("chf fixture ") and "file pins; MicroPython 1." in fixture.text
        assert fixture.able == s.FIXTURE_SUPPLY | s.FIXTURE_LINES | s.FIXTURE_HOLDUP | s.FIXTURE_POWER
        board.pins.look()
        assert board.pins.level == OFF, "and a question changes nothing"


def test_power_goes_first_and_comes_last(board):
    with contextlib.closing(FixtureBoard(board.url)) as fixture:
        board.pins.look()
        board.pins.writes.clear()
        fixture.set(ALL, True, 4_500)
        board.pins.look()
        assert board.pins.writes[-1] == ("power", 1)
        assert board.pins.level == {"rail": 1, "power": 1, "ac_lo": 1, "mt_pr": 0, "level": 4_500 * 65_535 // 6_600}
        assert abs(fixture.measured_mv() - 4_500) <= 2
        board.pins.writes.clear()
        fixture.set(0, False, 60_000)
        board.pins.look()
        assert board.pins.writes[0] == ("power", 0)
        assert board.pins.level == {**OFF, "ac_lo": 0, "level": 65_535}, "no more than its amplifier gives"


def test_noise_and_other_messages_change_nothing(board):
    with contextlib.closing(FixtureBoard(board.url)) as fixture:
        fixture.set(ALL, True, 5_000)
        board.pins.look()
        board.pins.writes.clear()
        step = {"until_ms": 1, "han": 0, "wan": 0, "bench": 0, "bits": 0, "holdup_mv": 0, "cut": 0, "cut_after": 0}
        order = frames.to_wire(frames.build("fixture_set", {"number": 9, "bits": 0, "power": 0, "holdup_mv": 0}))
        for noise in (
            b"\x03\x03",
            bytes(range(256)),
            frames.to_wire(frames.build("step", step)),
            frames.to_wire(frames.build("identify", {})),
            order[:-4] + b"\x7e",
        ):
            fixture._line.write("bench", noise)
        assert fixture.measured_mv() > 4_900
        board.pins.look()
        assert board.pins.writes == []


def test_a_fixture_that_restarts_and_a_port_without_one_are_sentences(board, tmp_path):
    with contextlib.closing(FixtureBoard(board.url)) as fixture:
        fixture.set(ALL, True, 5_000)
        board.stop()
        board.start()
        with pytest.raises(BenchError, match="has restarted in mid-test") as caught:
            fixture.set(ALL, True, 4_000)
        assert str(caught.value).count("\n") == 0
        board.pins.look()
        assert board.pins.level == OFF, "the restart has taken the hub's power, and nothing has given it back"
    (tmp_path / "sense").write_text("0")
    with contextlib.closing(FixtureBoard(board.url)) as fixture:
        fixture.set(ALL, True, 5_000)
        with pytest.raises(BenchError, match=r"gives 5000 mV and measures 0 mV .* check the amplifier"):
            fixture.wait_for_level(5_000)
    board.stop()
    with pytest.raises(BenchError, match="No fixture board answers") as caught:
        FixtureBoard(board.url)
    assert caught.value.exit_code == EXIT_NO_BOARD


@pytest.mark.parametrize(("dut", "rig"), [("sim:", "/dev/null"), ("/dev/null", "sim:")])
def test_rigs_that_do_not_go_with_the_hub_are_usage(dut, rig):
    with pytest.raises(BenchError) as caught:
        connect(dut, rig)
    assert caught.value.exit_code == EXIT_USAGE


def test_an_outage_and_a_power_cut_of_a_hub_that_the_fixture_s_pins_drive(tmp_path):
    done = []
    with (
        fixture_loop.loop(tmp_path, IDENTITY, 30) as (hub, board),
        connect(hub.url, board.url, IDENTITY, done.append) as bed,
    ):
        assert bed.rig.capabilities == {"supply", "sense-lines", "holdup", "power-cut"}
        assert bed.state()["bits"] == ALL
        bed.rig.ac_lo, bed.rig.mt_pr = False, False
        bed.advance_s(5)
        assert bed.state()["bits"] == s.SENSE_SUPPLY
        bed.rig.supply.holdup_mv = bed.rig.supply.full_mv = 4_000
        bed.lose_supply(190)
        (alert,) = bed.headend.alerts
        assert (alert.level, alert.fields["loss_bits"] & ALL) == (s.LEVEL_PLAIN, 0)
        spent_mv = 4_000 - alert.fields["holdup_mv"]
        assert 200 < spent_mv < 400, "60 mW for 180 s out of 10 F at 4 V: 274 mV"
        bed.rig.cut_power()
        fixture_loop.wait_until(lambda: not hub.rig.powered)
        assert not bed.rig.powered and board.pins.level["power"] == 0
        bed.restore_supply(20)
        assert bed.rig.powered and hub.rig.resets[-1][1] == "power cut"
        assert len(bed.headend.restorations) == 1
        kinds = [type(entry).__name__ for entry in done]
        assert [entry.on for entry in done if isinstance(entry, capture.Power)] == [False, True]
        assert kinds.count("Lines") > 5 and kinds.count("Item") > 5, "a capture can be made of it"


def test_the_same_suite_runs_on_it(tmp_path):
    """A scenario that needs supply, hold-up and power-cut, by the command line that a bench would use."""
    keys = tmp_path / "keys.json"
    write_identity(keys, IDENTITY)
    with fixture_loop.loop(tmp_path, IDENTITY, 40) as (hub, board):
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "hil/test_energy.py", "-k", "silent_after_a_proven"]
        options = [f"--hil-dut={hub.url}", f"--hil-rig={board.url}", f"--hil-keys={keys}", "--hil-require=power-cut"]
        done = subprocess.run(
            [sys.executable, *command, *options, f"--hil-captures={tmp_path / 'captures'}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=80,
        )
        assert "1 passed" in done.stdout, done.stdout[-3_000:] + done.stderr
        assert "driven by a fixture board" in done.stdout


def test_the_hold_up_s_end_cuts_the_power(monkeypatch):
    """Against a board and a line of the test's own: no time passes but what the line says."""

    class Board:
        able = 15
        told: list = []  # noqa: RUF012

        def set(self, *values):
            self.told.append(values)

        def wait_for_level(self, mv):
            assert mv == 5_000

        def check_now_and_then(self):
            pass

    class Line:
        now_ms = 0
        speed = 1

        def step(self, until_ms):
            self.now_ms = until_ms
            return []

    line = Line()
    rig = fixture_rig.FixtureRig(Board(), line)
    rig.power_on()
    rig.set_supply(False)
    rig.supply.holdup_mv = 2_100
    while rig.powered:
        assert line.now_ms < 100_000
        rig.step(line.now_ms + 60_000)
    # 10 F from 2.1 V to 2.0 V at 60 mW
    assert abs(line.now_ms - 10_000 * (2.1**2 - 2.0**2) / 2 / 60 * 1_000) < 50
    levels = [mv for _, _, mv in Board.told]
    assert levels[-1] <= 2_000 and len(levels) > 15 and Board.told[-1][1] is False
    rig.step(line.now_ms + 1_000)
    assert not rig.powered, "12 V is out"
    rig.supply.full_mv = 5_000
    rig.set_supply(True)
    rig.step(line.now_ms + 10)
    assert rig.powered
