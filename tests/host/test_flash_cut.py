"""Flashing that is interrupted: whatever happens, the board starts the old firmware or the new one, whole."""

import hashlib
from pathlib import Path

import pytest
from test_flash_image import compiled

from host_tools.deploy import flash as flash_module
from host_tools.deploy import flash_install
from host_tools.deploy.firmware_image import pack
from host_tools.deploy.flash_repl import NoRoom, ReplLost, enter

pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
from board_bench import Watcher, files, flash_it, running

MODULES = ("one", "two", "three")
HUB = {"hub": "00" * 8, "esme": "00" * 8, "strapped": True, "runs": ""}


def firmware(folder: Path, version: int) -> Path:
    """A program of several modules that says which version of each it has got."""
    main = "".join(f"import {name}\n" for name in MODULES)
    main += f"print('VERSIONS', {version}, {', '.join(f'{name}.N' for name in MODULES)})\n"
    program = {f"{name}.py": f"T = {str(version) * 700!r}\nN = {version}\n" for name in MODULES}
    return compiled(folder / str(version), {"main.py": main, **program})


@pytest.fixture
def versions(tmp_path, monkeypatch):
    """Folders of an old and a new firmware; flashing takes what is in the list's first place. No hub answers there."""
    built = [firmware(tmp_path, 1), firmware(tmp_path, 2)]
    current = built[:1]
    monkeypatch.setattr(flash_install, "build", lambda name, native="": current[0])
    monkeypatch.setattr(flash_module, "_hub_says", lambda port, hub: {**HUB, "hub": hub})
    return built, current


def image_of(folder: Path) -> str:
    return pack(folder).sha256


def on(board) -> str:
    return hashlib.sha256(files(board)["firmware.img"]).hexdigest()


def started(board) -> set[str]:
    """What the board's main.py prints of each module after a reset."""
    board.cut_power()
    heard = board.listen()
    board.power_on()
    for _ in range(200):
        board.wait(0.02)
        line = bytes(heard).partition(b"VERSIONS ")[2].partition(b"\n")
        if line[1]:
            return set(line[0].decode().split())
    raise AssertionError(bytes(heard))


def test_the_cable_pulled_at_each_file_leaves_the_old_firmware(tmp_path, versions):
    built, current = versions
    with running(tmp_path) as board:
        flash_it(board)
        assert started(board) == {"1"}
        current[0] = built[1]
        pulled = 0
        while True:
            steps = []

            def pull(what, done, total, at=pulled, steps=steps):
                steps.append(what)
                if steps.count("copying") == at + 1:
                    board.pull()

            try:
                flash_it(board, Watcher(pull))
                break
            except ReplLost as lost:
                assert lost.exit_code == 4 and "has the firmware that it had" in str(lost)
            # The last step is before the rename, so that each of them leaves the old one.
            assert on(board) == image_of(built[0])
            board.cut_power()
            board.power_on()
            pulled += 2  # the first of a file's pieces is one step, the end of the file another
        assert pulled >= 2 * len(MODULES), "within each file"
        assert on(board) == image_of(built[1]) and started(board) == {"2"}


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_power_cut_in_mid_copy_leaves_one_firmware_whole(tmp_path, versions, share):
    built, current = versions
    with running(tmp_path) as board:
        flash_it(board)
        current[0] = built[1]
        board.cut_power()
        board.cut_after = round(pack(built[1]).size * share)
        board.power_on()
        with pytest.raises(ReplLost):
            flash_it(board)
        board.cut_after = None
        assert not board.powered and on(board) in map(image_of, built)
        assert started(board) in ({"1"}, {"2"})
        flash_it(board)
        assert started(board) == {"2"} and "firmware.new" not in files(board)


def test_a_board_that_is_too_small_says_so_before_anything_is_written(tmp_path, versions):
    with running(tmp_path, blocks=8) as board:
        with pytest.raises(NoRoom, match=r"needs 44 KiB beside what is there, and \d+ are free") as refused:
            flash_it(board)
        assert refused.value.exit_code == 4 and files(board) == {}


def test_a_filesystem_that_is_full_in_mid_copy_keeps_the_old_firmware(tmp_path, versions, monkeypatch):
    built, current = versions
    with running(tmp_path, blocks=10) as board:
        monkeypatch.setattr(flash_install, "need_room", lambda image, room: None)
        flash_it(board)
        current[0] = firmware(tmp_path / "big", 3)
        (current[0] / "big.mpy").write_bytes(b"M\x06" + bytes(40_000))
        with pytest.raises(NoRoom, match="full before all was written"):
            flash_it(board)
        assert started(board) == {"1"}
        assert on(board) == image_of(built[0])
        current[0] = built[1]
        flash_it(board)
        assert started(board) == {"2"}, "what was left of the interrupted copy took no room"


def test_ctrl_c_in_mid_copy_leaves_a_hub(tmp_path, versions):
    built, current = versions

    def interrupt(what, done, total):
        if what == "copying":
            raise KeyboardInterrupt

    with running(tmp_path) as board:
        flash_it(board)
        current[0] = built[1]
        board.wait(0.2)
        before = len(board.resets)
        with pytest.raises(KeyboardInterrupt):
            flash_it(board, Watcher(interrupt))
        board.wait(0.3)
        assert board.resets[before:] == ["reset", "reset"], "into maintenance, and out of it"
        assert on(board) == image_of(built[0])


def test_flash_that_reads_back_wrong_is_not_switched_to(tmp_path, versions, monkeypatch):
    built, current = versions
    with running(tmp_path) as board:
        flash_it(board)
        current[0] = built[1]
        put = flash_module.Repl.put
        monkeypatch.setattr(flash_module.Repl, "put", lambda self, octets: put(self, bytes(reversed(octets))))
        with pytest.raises(flash_module.BenchError, match="reads back wrong") as refused:
            flash_it(board)
        assert refused.value.exit_code == 4 and on(board) == image_of(built[0])


def test_what_lies_in_the_boards_input_from_earlier_tries_disturbs_nothing(tmp_path):
    with running(tmp_path) as board:
        for _ in range(3):
            with open(board.port, "wb", buffering=0) as port:
                port.write(b"\r\x03\r\x01")
        repl = enter(str(board.port), 3)
        assert repl is not None
        repl.load_flasher()
        assert repl.call("who")["name"] == "micropython"
        repl.close()
