"""chtool doctor against the virtual dev board, whose REPL is the real VM's."""

import os

import pytest

from host_tools.checks import doctor
from tests.host.chtool import fails, inside, json_of

if os.name != "posix":
    pytest.skip("the virtual board needs PTYs", allow_module_level=True)
pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
from tests.host.board_bench import running

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def board(tmp_path):
    with running(tmp_path) as board:
        yield board


def test_a_board_that_has_all_is_told_so_and_restarted(board):
    done = inside("doctor", board.port, "--board", "virtual")
    assert (done.returncode, done.stderr) == (0, "")
    assert "none missing" in done.stdout and done.stdout.startswith("virtual at ")
    board.wait(0.5)
    assert board.resets[-1] == "reset", "it is a hub again"


def test_what_a_board_has_not_is_named(board, monkeypatch):
    names = ["select.poll().ipoll", "sys.stdin", "machine.Flux", "nowhere.at_all"]
    monkeypatch.setattr(doctor, "attributes", lambda name: names)
    done = inside("doctor", board.port, "--board", "virtual")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == ["MISSING  machine.Flux", "MISSING  nowhere.at_all"]
    assert done.stdout.endswith("4 asked for, 2 missing\n")
    monkeypatch.setattr(doctor, "attributes", lambda name: names[:2])
    assert json_of("doctor", board.port, "--board", "virtual")["missing"] == []


def test_another_board_than_was_said_and_no_board_at_all_are_sentences(board, tmp_path):
    assert "no Raspberry Pi Pico" in fails(4, "doctor", board.port, "--board", "pico")
    fails(3, "doctor", tmp_path / "nothing", "--board", "pico")
    fails(2, "doctor", board.port, "--board", "teapot")


def test_its_port_is_no_option_and_no_virtual_hub(monkeypatch):
    monkeypatch.setattr("host_tools.deploy.flash_target.list_ports.comports", list)
    for code, options in ((3, []), (3, ["--board", "pico"]), (2, ["--board", "virtual"])):
        sentence = fails(code, "doctor", *options)
        assert "PORT" in sentence and "--port" not in sentence
    assert "sim:" not in fails(2, "doctor", "sim:").removeprefix("'sim:'")
