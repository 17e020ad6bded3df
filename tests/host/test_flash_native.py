"""The framer as machine code: it runs where the VM takes it, and nothing that is wrong with it stops a hub."""

import subprocess
import sys

import pytest
from chtool import ROOT, inside, json_of, run

from host_tools import boards
from host_tools.boards import line_rate
from host_tools.deploy import flash as flash_module
from host_tools.deploy import flash_install, flash_target
from host_tools.deploy.firmware_build import MPY_CROSS_OPTIONS, BuildError, build
from host_tools.deploy.firmware_image import MAGIC, pack

pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
from board_bench import Watcher, files, flash_it, running

MODULE = "/chf/wire/framer_viper.mpy"


def _mpy() -> int:
    """sys.implementation._mpy of the VM here."""
    command = [sys.executable, "-m", "micropython_unix", "-c", "import sys; print(sys.implementation._mpy)"]
    return int(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout)


MPY = _mpy()
IMAGE = pack(build("virtual", native="x64"))
NATIVE = any(part.native and flash_install.runs(part.native, MPY) for part in IMAGE.parts)
needs_native = pytest.mark.skipif(not NATIVE, reason="this machine's MicroPython VM takes no machine code for x64")


@pytest.fixture(scope="module")
def flashed(tmp_path_factory):
    """The flash of a hub whose framer is machine code, where this machine's VM takes it."""
    folder = tmp_path_factory.mktemp("native")
    with running(folder) as board:
        done = flash_it(board, framer="native")
        assert done["framer"].startswith("machine code for x64" if NATIVE else "bytecode: this MicroPython takes no")
    return board.flash


def framer_of(board) -> str:
    """What the firmware that runs there has loaded, asked over the REPL after a restart into maintenance."""
    return json_of("doctor", board.port, "--board", "virtual")["framer"]


def in_flash(board, script: str) -> None:
    """Run over the REPL of a board that is in maintenance, and restart it."""
    repl = flash_module.open_repl(str(board.port), Watcher())
    repl.run(script)
    repl.reset()


@needs_native
def test_the_framer_of_a_flashed_hub_is_machine_code_and_the_suite_passes(tmp_path, flashed):
    with running(tmp_path, flashed, speed=10) as board:
        assert framer_of(board) == "native"
        done = inside("doctor", board.port, "--board", "virtual")
        assert done.stdout.endswith("Its framer runs as machine code.\n")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["hil/test_lines.py", "-k", "too_long or octets_of_03 or each_reason or gbcs_goes_down"]
        command += ["--hil-dut", f"{board.port},speed=10", "--hil-rig", "soft:"]
        command += ["--hil-keys", str(tmp_path / "keys.json"), "--hil-captures", str(tmp_path / "captures")]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert "8 passed" in done.stdout


@needs_native
def test_bytecode_by_the_users_word_and_by_default_on_the_virtual_board(tmp_path, flashed):
    with running(tmp_path, flashed) as board:
        done = run("flash", "--board", "virtual", "--port", board.port, "--framer", "bytecode")
        assert done.returncode == 0 and "\nframer\tbytecode\n" in done.stdout, done.stdout + done.stderr
        assert framer_of(board) == "bytecode"
        assert flash_it(board, keys=None)["copied_octets"] == 0, "and that is what board.toml's absence says"


@needs_native
@pytest.mark.parametrize("place", [2, 40])
def test_a_damaged_module_is_not_run_and_the_next_flashing_mends_it(tmp_path, flashed, place):
    """place: octet of the module that is flipped: of its head, of its code."""
    part = next(part for part in IMAGE.parts if part.path == MODULE)
    with running(tmp_path, flashed) as board:
        at = files(board)["firmware.img"].index(part.octets) + place
        flip = f"f = open('firmware.img', 'r+b'); f.seek({at}); octet = f.read(1)[0]; f.seek({at})"
        in_flash(board, flip + "; f.write(bytes((octet ^ 0x40,))); f.close()")
        assert part.octets not in files(board)["firmware.img"]
        assert framer_of(board) == "bytecode"
        assert inside("identify", f"{board.port},speed={board.speed}").returncode == 0, "it is a hub"
        mended = flash_it(board, keys=None, framer="native")
        assert len(part.octets) <= mended["copied_octets"] < len(part.octets) + 2_000
        assert framer_of(board) == "native"


def test_machine_code_for_another_processor_is_left_out_and_the_person_is_told(tmp_path, monkeypatch):
    other = flash_target.Target(**{**vars(flash_target.load("virtual")), "arch": "armv6m", "native_framer": True})
    monkeypatch.setattr(flash_target, "_VIRTUAL", other)
    with running(tmp_path) as board:
        done = flash_it(board)
        assert done["framer"] == "bytecode: this MicroPython takes no machine code for armv6m"
        assert done["firmware"] == pack(build("virtual")).sha256
        assert done["identity"]["hub"] and framer_of(board) == "bytecode"


def test_machine_code_for_another_processor_that_gets_there_all_the_same_is_not_run(tmp_path, monkeypatch):
    other = flash_target.Target(**{**vars(flash_target.load("virtual")), "arch": "armv6m", "native_framer": True})
    monkeypatch.setattr(flash_target, "_VIRTUAL", other)
    monkeypatch.setattr(flash_install, "runs", lambda needs, mpy: True)
    with running(tmp_path) as board:
        done = flash_it(board)
        assert done["framer"] == "machine code for armv6m"
        assert done["identity"]["hub"] and framer_of(board) == "bytecode"


# ---- which boards have it


@pytest.mark.parametrize("board", boards.load_all(), ids=lambda board: board.name)
def test_a_boards_image_has_it_where_board_toml_says_so(board):
    takes = {"armv6m": 4, "armv7emsp": 7, "xtensawin": 10, "rv32imc": 11}[board.data["micropython"]["arch"]]
    image, told = flash_install.made(flash_target.load(board.name), "", 6 | 3 << 8 | takes << 10)
    native = [part for part in image.parts if part.native]
    wanted = board.data["micropython"]["native_framer"]
    assert [part.path for part in native] == ([MODULE] if wanted else [])
    assert told == (f"machine code for {board.data['micropython']['arch']}" if wanted else "bytecode")
    index = image.head[len(MAGIC) + 8 :].decode().split("\n")
    assert [line.split(" ")[3] for line in index if line.count(" ") == 3] == [part.sha256 for part in native]
    # 6 << 8: a VM without an emitter says no architecture.
    assert not any(part.native for part in flash_install.made(flash_target.load(board.name), "native", 6)[0].parts)


@pytest.mark.parametrize("board", boards.load_all(), ids=lambda board: board.name)
def test_it_is_there_where_bytecode_would_take_much_of_the_processor_and_costs_what_the_page_says(board):
    plain = line_rate.octet_us(board, line_rate.REFERENCE)
    much = line_rate.share(board, plain) > line_rate.NATIVE_FROM
    assert board.data["micropython"]["native_framer"] == much
    folder = build(board.name, native=board.data["micropython"]["arch"])
    assert (folder / MODULE[1:]).stat().st_size < line_rate.NATIVE_KIB * 1024
    assert line_rate.framer_sentence(board) in (board.folder / "README.md").read_text(encoding="utf-8")


def test_an_architecture_that_mpy_cross_does_not_know_is_one_sentence(tmp_path):
    with pytest.raises(BuildError, match=r"framer_viper\.py does not compile"):
        build("pico", tmp_path, native="z80")
    assert "-march" not in "".join(MPY_CROSS_OPTIONS), "all else stays bytecode"
