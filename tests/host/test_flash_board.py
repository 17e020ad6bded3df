"""Flashing a virtual dev board, whose REPL is the real MicroPython VM, from a bare REPL to a hub, by mpremote."""

import dataclasses
import json
import subprocess
import sys

import pytest
import serial
from chtool import ROOT, inside, run

from chf.core import limits
from chf.identity import parse
from host_tools import boards
from host_tools.deploy import flash as flash_module
from host_tools.deploy import flash_install, flash_target
from host_tools.deploy.firmware_build import build
from host_tools.deploy.firmware_image import LOADER, LOADER_SIGN
from host_tools.deploy.provisioning import new_identity, read_identity, write_identity
from host_tools.errors import BenchError
from host_tools.link.connect import open_client

pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
from board_bench import Watcher, changed, files, flash_it, mpremote, put, running


@pytest.fixture
def board(tmp_path):
    with running(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def flashed(tmp_path_factory):
    """The flash of a board that is a hub already."""
    folder = tmp_path_factory.mktemp("flashed")
    with running(folder) as board:
        flash_it(board)
    return board.flash


def until(board, happened):
    """Let the board run until that has happened, ten seconds at most."""
    for _ in range(500):
        if happened():
            return
        board.wait(0.02)
    raise AssertionError(board.resets)


def test_mpremote_itself_works_on_the_virtual_board(board):
    put(board, "note.py", "print('noted')\n")
    assert "noted" in mpremote(board, "exec", "import note")
    assert mpremote(board, "soft-reset", "exec", "import os; print(os.listdir())").strip() == "['note.py']"
    assert board.resets[0] == "soft reboot"


def test_the_watchdog_bites_a_program_that_does_not_feed_it(board):
    put(board, "main.py", "from machine import WDT\nWDT(timeout=8000)\nwhile True:\n    pass\n")
    board.press_reset()
    until(board, lambda: "watchdog" in board.resets)


def test_a_bare_board_becomes_a_hub_and_a_second_run_copies_only_what_changed(board, tmp_path, monkeypatch):
    watcher = Watcher()
    done = flash_it(board, watcher)
    identity = read_identity(tmp_path / "keys.json")
    assert done["identity"]["hub"] == identity["hub"] and done["identity"]["strapped"]
    assert done["copied_octets"] == done["octets"] > 20_000
    assert "made now" in done["keys"]
    assert "restarting into maintenance" not in watcher.steps, "on a bare board nothing can have armed a watchdog"
    with open_client(f"{board.port},speed={board.speed}") as client:
        assert client.state()["phase"] == 0
    until(board, lambda: board.watched)
    again = flash_it(board, keys=None)
    assert (again["copied_octets"], again["firmware"], again["identity"]) == (0, done["firmware"], done["identity"])

    folder = tmp_path / "built"
    built = build("virtual")
    for path in built.rglob("*.mpy"):
        (folder / path.relative_to(built)).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(built)).write_bytes(path.read_bytes())
    (folder / "extra.mpy").write_bytes(b"M\x06" + bytes(98))
    monkeypatch.setattr(flash_install, "build", lambda name, native="": folder)
    third = flash_it(board, keys=None)
    assert third["firmware"] != done["firmware"] and third["identity"] == done["identity"]
    assert 100 < third["copied_octets"] < 5_000, "the index and the one module that is new"


def test_a_hub_without_a_strap_waits_for_the_reset_button(tmp_path, flashed):
    with running(tmp_path, flashed, speed=2, strapped=False) as board:
        watcher = Watcher()
        watcher.on_ask = board.press_reset
        until(board, lambda: board.watched)
        done = flash_it(board, watcher, keys=None)
        assert (done["copied_octets"], done["identity"]["strapped"]) == (0, False)
        assert "Press the board's RESET" in watcher.asked[0]


def test_from_the_command_line(tmp_path, flashed):
    with running(tmp_path, flashed, speed=2) as board:
        done = run("flash", "--board", "virtual", "--port", board.port, "--keys", tmp_path / "keys.json")
        assert (done.returncode, done.stderr) == (0, ""), "progress is for a terminal"
        shown = dict(line.split("\t") for line in done.stdout.splitlines())
        assert shown["hub"] == read_identity(tmp_path / "keys.json")["hub"]
        assert shown["runs"].startswith("chf ") and shown["copied"] == "nothing: up to date"


@pytest.mark.parametrize("name", ["main.py", "boot.py"])
def test_somebody_elses_program_stays(board, name):
    put(board, name, "print('mine')  # caf\xe9\n")
    with pytest.raises(BenchError, match=f"other firmware, from its {name}: --replace") as refused:
        flash_it(board)
    assert refused.value.exit_code == 4
    assert files(board) == {name: b"print('mine')  # caf\xe9\n"}


def test_somebody_elses_program_is_kept_beside_when_it_is_replaced(board):
    put(board, "main.py", "from machine import WDT\nd = WDT(timeout=8000)\nprint('mine')\n")
    board.press_reset()
    board.wait(0.2)
    assert flash_it(board, replace=True)["identity"]["hub"]
    assert "watchdog" not in board.resets, "the restart into maintenance left it behind"
    assert files(board)["main.py.before"].startswith(b"from machine import WDT")


def test_somebody_elses_program_is_put_back_where_flashing_fails(board, monkeypatch):
    put(board, "main.py", "print('mine')\n")
    monkeypatch.setattr(flash_install, "SPARE_BLOCKS", 9_999)
    with pytest.raises(BenchError, match="leave no room"):
        flash_it(board, replace=True)
    assert files(board) == {"main.py": b"print('mine')\n"}


def test_another_version_of_micropython_is_refused(board, monkeypatch):
    old = flash_target.Target(**{**vars(flash_target.load("virtual")), "least": "9.0.0", "below": "9.1.0"})
    monkeypatch.setattr(flash_target, "_VIRTUAL", old)
    with pytest.raises(BenchError, match=r"runs MicroPython 1\.\d+\.0, and the firmware needs 9\.0\.0") as refused:
        flash_it(board)
    assert refused.value.exit_code == 4
    assert files(board) == {}


def test_another_board_is_refused(board):
    done = inside("flash", "--board", "pico", "--port", board.port)
    assert (done.returncode, done.stdout) == (4, "")
    assert "which is no Raspberry Pi Pico" in done.stderr and done.stderr.count("\n") == 1


def test_a_board_that_is_not_named_and_not_known_is_refused(board):
    done = inside("flash", "--port", board.port)
    assert done.returncode == 2
    assert "say which it is with --board" in done.stderr


def test_a_busy_port_is_refused(board):
    with serial.Serial(str(board.port), exclusive=True):
        done = inside("flash", "--board", "virtual", "--port", board.port)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "is busy: another program has it open" in done.stderr


def test_a_port_behind_which_nothing_answers_is_refused(board, monkeypatch):
    monkeypatch.setattr(flash_module, "REPL_S", 0.2)
    monkeypatch.setattr(flash_module, "RESET_S", 0.2)
    monkeypatch.setattr(flash_module, "_restart_hub", lambda port: False)  # which would wait for it, too
    board.cut_power()
    board.plug()
    done = inside("flash", "--board", "virtual", "--port", board.port)
    assert done.returncode == 3
    assert "No REPL answers" in done.stderr.splitlines()[-1]


def test_a_provisioned_board_keeps_its_keys(tmp_path, flashed):
    first, other = read_identity(flashed.with_name("keys.json")), new_identity(2)
    write_identity(tmp_path / "other.json", other)
    write_identity(tmp_path / "same.json", {**first, "policy": 2})
    with running(tmp_path, flashed) as board:
        keeps_its_keys(board, tmp_path, first, other)


def keeps_its_keys(board, tmp_path, first, other):
    with pytest.raises(BenchError, match=f"provisioned as {first['hub']}, and .* --new-keys"):
        flash_it(board, keys=tmp_path / "other.json")
    assert json.loads(files(board)["identity.json"]) == first
    assert flash_it(board, keys=tmp_path / "same.json")["identity"]["hub"] == first["hub"]
    assert json.loads(files(board)["identity.json"]) == {**first, "policy": 2}, "configuration may change"
    assert flash_it(board, keys=tmp_path / "other.json", new_keys=True)["identity"]["hub"] == other["hub"]


def test_what_hangs_on_the_board_goes_into_an_identity_that_does_not_say_it(tmp_path, flashed, monkeypatch):
    config = {"holdup_min_mv": 3_400, "dying_mv": 3_600}
    monkeypatch.setattr(flash_target, "_VIRTUAL", dataclasses.replace(flash_target.load("virtual"), config=config))
    first = read_identity(flashed.with_name("keys.json"))
    write_identity(tmp_path / "mine.json", {**first, "dying_mv": 3_900})
    with running(tmp_path, flashed) as board:
        flash_it(board, keys=None)
        assert json.loads(files(board)["identity.json"]) == first, "a provisioned board keeps what it has"
        flash_it(board)
        assert json.loads(files(board)["identity.json"]) == {**first, **config}
        flash_it(board, keys=tmp_path / "mine.json")
        assert json.loads(files(board)["identity.json"]) == {**first, **config, "dying_mv": 3_900}
        assert flash_it(board, keys=tmp_path / "mine.json")["keys"].endswith("mine.json")


def test_every_real_board_has_its_own_least_hold_up_voltage():
    for name in boards.names():
        config = flash_target.load(name).config
        parsed, _keys = parse(json.dumps(new_identity(1, **config)), False)
        assert parsed.dying_mv > parsed.holdup_min_mv > limits.Config(b"", b"").holdup_min_mv, name


def test_a_start_that_fails_is_tried_again_until_it_does_not(tmp_path, flashed):
    """As after a read that a flicker of the supply has spoilt: a hub left at its REPL would alert nobody."""
    with running(tmp_path, flashed) as board:
        until(board, lambda: board.watched)
        board.cut_power()
        image = files(board)["firmware.img"]
        with changed(board) as chip, chip.open("/firmware.img", "wb") as file:
            file.write(image[:100])
        board.power_on()
        until(board, lambda: board.resets.count("reset") >= 2)
        board.cut_power()
        with changed(board) as chip, chip.open("/firmware.img", "wb") as file:
            file.write(image)
        board.power_on()
        until(board, lambda: board.watched)


def test_the_loader_is_small_and_ours():
    text = LOADER.read_text()
    assert text.encode().startswith(LOADER_SIGN) and len(text.splitlines()) < 90 and LOADER.stat().st_size < 2_900


def test_a_flashed_hub_passes_the_suite_by_its_url(tmp_path, flashed):
    """What takes little time of the hub's; the whole suite takes hours of it."""
    with running(tmp_path, flashed, speed=10) as board:
        until(board, lambda: board.watched)
        url = f"{board.port},speed={board.speed}"
        scenarios = ["test_a_mac_of_zeros_is_not_enough", "test_a_policy_that_does_not_exist_is_refused"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["hil/test_auth.py", "-k", " or ".join(scenarios), "--hil-dut", url, "--hil-rig", "soft:"]
        command += ["--hil-keys", str(tmp_path / "keys.json"), "--hil-captures", str(tmp_path / "captures")]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert "3 passed" in done.stdout and "virtual dev board (simulated)" in done.stdout


def test_a_bare_board_for_other_programs_from_the_command_line():
    done = run("virtual", "--bare", "--speed", "3", "--for", "0.2", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["url"]) == (0, "", f"{told['port']},speed=3")
    done = run("virtual", "--bare", "--for", "0.2")
    assert "chtool flash --board virtual --port" in done.stdout
