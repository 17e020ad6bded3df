"""Flashing a fixture board: its own program on the virtual dev board, its pins alone replaced."""

from pathlib import Path

import pytest
from chtool import inside

from chf.wire import schema as s
from host_tools.boards import fixture
from host_tools.deploy import flash as flash_module
from host_tools.deploy import flash_install, flash_target
from host_tools.deploy.firmware_build import build
from host_tools.deploy.firmware_image import pack
from host_tools.deploy.flash_repl import ReplLost
from host_tools.errors import BenchError
from host_tools.link.fixture_rig import FixtureBoard

pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
from board_bench import Watcher, flash_it, running

REPL_RIG = Path(__file__).resolve().parents[1] / "boards" / "repl_rig" / "rig_board.py"
RIG = fixture.BOARD
ALL = s.SENSE_SUPPLY | s.SENSE_AC_LO | s.SENSE_MT_PR
pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A bare board that takes the fixture's program, whose rig_board.py is the one for it."""
    files = {**fixture.files(), "rig_board.py": REPL_RIG}
    monkeypatch.setattr(fixture, "files", lambda: files)
    monkeypatch.setattr(flash_target.Target, "is_on", lambda self, who: who["platform"] in ("linux", "darwin"))
    with running(tmp_path) as made:
        yield made


@pytest.fixture
def no_hub(monkeypatch):
    """Flashing does not wait for a hub's answer first, which another test does."""
    monkeypatch.setattr(flash_module, "REPL_S", 0.3)
    monkeypatch.setattr(flash_module, "_restart_hub", lambda port: False)


def plug(board) -> Watcher:
    """A person who does as they are asked."""
    watcher = Watcher()
    watcher.on_ask = board.press_reset
    return watcher


def test_a_bare_board_becomes_a_fixture_board_and_a_second_run_copies_nothing(board):
    done = flash_it(board, name=RIG, keys=None)
    assert done["identity"]["runs"].startswith("chf fixture ") and "pins of numbers" in done["identity"]["runs"]
    assert done["identity"]["able"] == ["supply", "sense-lines", "holdup", "power-cut"]
    assert (done["board"], done["framer"], "keys" in done) == (RIG, "bytecode", False)
    assert done["copied_octets"] == done["octets"] > 5_000
    rig = FixtureBoard(str(board.port))
    rig.set(ALL, True, 4_500)
    assert abs(rig.measured_mv() - 4_500) <= 2
    rig.close()
    watcher = plug(board)
    again = flash_it(board, watcher, name=RIG, keys=None)
    assert again["copied_octets"] == 0 and again["identity"] == done["identity"]
    assert "unplug it and plug it in" in watcher.asked[0], (
        "a fixture board obeys no word that would cut the hub's power"
    )


def test_from_the_command_line(board):
    done = inside("flash", "--board", RIG, "--port", board.port)
    assert (done.returncode, done.stderr) == (0, "")
    shown = dict(line.split("\t") for line in done.stdout.splitlines())
    assert shown["runs"].startswith("chf fixture ") and shown["able"] == "supply, sense-lines, holdup, power-cut"
    assert shown.keys() == {"board", "port", "micropython", "framer", "copied", "runs", "able"}


def test_a_fixture_board_takes_no_keys(board):
    done = inside("flash", "--board", RIG, "--port", board.port, "--keys", board.flash.with_name("keys.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "A fixture board has no keys: leave --keys and --new-keys out.\n"
    assert not board.flash.with_name("keys.json").exists()


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("pulled_at", [1, 20])
def test_a_fixture_board_whose_cable_is_pulled_in_mid_copy_runs_its_old_program(
    board, monkeypatch, tmp_path, pulled_at
):
    """pulled_at: how many steps of the copy have gone by."""
    old = flash_it(board, name=RIG, keys=None)
    changed = tmp_path / "outputs.py"
    changed.write_text(fixture.files()["outputs.py"].read_text() + "\n\nCHANGED = " + repr("x" * 20_000) + "\n")
    files = {**fixture.files(), "outputs.py": changed}
    monkeypatch.setattr(fixture, "files", lambda: files)
    steps = []

    def pull(what, done, total):
        steps.append(what)
        if steps.count("copying") == pulled_at:
            board.pull()

    watcher = Watcher(pull)
    watcher.on_ask = board.press_reset
    with pytest.raises(ReplLost):
        flash_it(board, watcher, name=RIG, keys=None)
    board.cut_power()
    board.power_on()
    assert flash_module._hello(str(board.port), flash_module._fixture_says) == old["identity"]
    new = flash_it(board, plug(board), name=RIG, keys=None)
    assert new["firmware"] == pack(build(RIG)).sha256 != old["firmware"]


@pytest.mark.usefixtures("no_hub")
def test_a_hub_becomes_a_fixture_board_by_the_users_word_alone_and_the_reverse(board):
    hub = flash_it(board)
    watcher = plug(board)
    with pytest.raises(BenchError, match=r"The board is a hub: --replace makes a fixture board of it") as refused:
        flash_it(board, watcher, name=RIG, keys=None)
    assert refused.value.exit_code == 4
    assert flash_it(board, watcher, keys=None)["copied_octets"] == 0, "it was left as it was"
    assert "able" in flash_it(board, watcher, name=RIG, keys=None, replace=True)["identity"]
    with pytest.raises(BenchError, match=r"The board is a fixture board: --replace makes a hub of it"):
        flash_it(board, watcher, keys=None)
    back = flash_it(board, watcher, keys=None, replace=True)
    assert back["identity"] == hub["identity"], "with the keys that it had"


class Chip:
    """A REPL that answers one question."""

    def __init__(self, kind):
        self._kind = kind

    def call(self, function, *arguments):
        assert (function, arguments) == ("kind", ("/",))
        return self._kind


@pytest.mark.parametrize(("there", "found"), [("", "pico"), ("hub", "pico"), ("rig", RIG)])
def test_without_a_name_a_pico_is_a_hub_unless_it_is_a_fixture_board_already(there, found):
    who = {"name": "micropython", "version": (1, 29, 0), "machine": "Raspberry Pi Pico with RP2040", "platform": "rp2"}
    assert flash_module._found(Chip(there), who).name == found
    other = {**who, "machine": "Raspberry Pi Pico2 with RP2350"}
    assert flash_module._found(Chip("rig"), other).name == "pico2", "no fixture board is made for that chip"


def test_the_fixtures_target_is_what_rig_toml_says():
    target = flash_target.load(RIG)
    assert (target.kind, target.cpu, target.root, target.method, target.arch) == ("rig", "RP2040", "/", "uf2", "armv6m")
    assert target.accepts((1, 29, 0)) and not target.accepts((1, 27, 9)) and RIG in flash_target.names()
    assert {part.native for part in flash_install.made(target, "", 6)[0].parts} == {0}
