"""Short names: no name means another thing, builds repeat, the list of MicroPython's own names; generated programs."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Program, result
from test_shrink_rename import RENAMED, TOOLS, same

from host_tools.deploy import shrink_rename
from host_tools.deploy.shrink import shrink
from host_tools.deploy.stock_names import STOCK
from host_tools.virtual.process import vm_command


def test_names_that_never_meet_share_one():
    code = "class A:\n    def weigh(self):\n        return 1\nclass B:\n    def colour(self):\n        return 2\n"
    small = same({"main": code + "result = A().weigh(), B().colour()"})
    methods = {node.name for node in ast.walk(ast.parse(small["main"])) if isinstance(node, ast.FunctionDef)}
    assert len(methods) == 1, small


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("one", "x"), ("x", "one"), ("one", "two"), ("len", "other"), ("two", "len")],
)
def test_a_name_that_would_mean_another_thing_ends_it(monkeypatch, name, wrong):
    def badly(program):
        for use in program.scopes["main"].uses:
            if use.name == name:
                use.rename(wrong)

    monkeypatch.setattr(shrink_rename, "rename_globals", badly)
    code = "def one():\n    pass\ndef two(x):\n    return one(), len(x)\nclass A:\n    first = 1\n    second = 2\n"
    with pytest.raises(shrink_rename.AmbiguousError, match=r"^'\w+' in main cannot get a short name: rename it"):
        shrink({"main": code})


def test_the_same_sources_make_the_same_texts():
    """In another process too, whose sets are in another order."""
    script = (
        "import json, sys; from host_tools.deploy.shrink import shrink; print(json.dumps(shrink(json.load(sys.stdin))))"
    )
    program = {**TOOLS, "main": "\n".join(code for code, _ in RENAMED.values())}
    texts = set()
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", script], input=json.dumps(program), capture_output=True, text=True, timeout=60,
            cwd=Path(shrink_rename.__file__).parents[2], env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        texts.add(done.stdout)
    assert texts == {json.dumps(shrink(program)) + "\n"}


# ---- The list of MicroPython's own names

NAMES_ON_THE_VM = """
import array, binascii, gc, hashlib, io, json, os, random, re, select, struct, sys, time, vfs
found = set()
def look(thing):
    for name in dir(thing):
        found.add(name)
things = [array, binascii, gc, hashlib, io, json, os, random, re, select, struct, sys, time, vfs, vfs.VfsLfs2]
things += [hashlib.sha256(), select.poll(), io.StringIO(), io.BytesIO(), array.array('H'), b'', bytearray(), '', [], {}]
things += [(), set(), 1, 1.0, range(2), OSError(1), (i for i in ()), re.compile('a'), open('/dev/null'), look, object()]
for thing in things:
    look(thing)
print(" ".join(sorted(found)))
"""


@pytest.mark.skipif(importlib.util.find_spec("micropython_unix") is None, reason="no MicroPython VM for this machine")
def test_what_the_vm_s_own_modules_and_types_have_is_in_the_list():
    done = subprocess.run(
        [*vm_command(Path("-c"), "256wk"), NAMES_ON_THE_VM], capture_output=True, text=True, timeout=60
    )
    names = {name for name in done.stdout.split() if not name.startswith("_") and not name.isupper()}
    assert len(names) > 150 and names <= STOCK, names - STOCK


def test_what_the_vm_looks_for_in_a_program_s_objects_is_in_the_list_and_no_short_name():
    asked = {"readblocks", "writeblocks", "ioctl", "sync", "count", "read", "readinto", "readline", "write", "close"}
    asked |= {"mount", "umount", "open", "stat", "statvfs", "ilistdir", "mkdir", "remove", "rename", "rmdir", "chdir"}
    asked |= {"getcwd", "send", "throw", "value", "errno", "args"}
    assert asked <= STOCK
    assert not asked & set(shrink_rename.FREE)


# ---- Generated programs of classes: few names, so that they clash

NAMES = st.sampled_from(["aim", "base", "_aim", "cost", "take", "take_aim"])
CLASSES = ["Ada", "Bob", "Cyd"]


@st.composite
def class_programs(draw: Any) -> dict[str, str]:
    """Three classes in two modules, with attributes set in every way."""
    texts = []
    for number, name in enumerate(CLASSES):
        base = draw(st.sampled_from(["", *CLASSES[:number]]))
        lines = [f"class {name}({base}):" if base else f"class {name}:", "    limit = 3"]
        for each in draw(st.lists(NAMES, max_size=2, unique=True)):
            default = draw(st.sampled_from(["4", "aim", "limit", "bytes(1)", "abs(-2)"]))
            lines += [f"    def {each}(self, n={default}):", f"        return '{name}', str(n)[:5]"]
        for each in draw(st.lists(NAMES, max_size=1)):
            lines += [f"    {each} = '{name}'"]
        lines += ["    def __init__(self):", "        super().__init__()"]
        for each in draw(st.lists(NAMES, max_size=2)):
            lines.append(f"        self.{each} = '{name}.{each}'")
        texts.append("\n".join(lines))
    split = draw(st.integers(0, 3))
    way = "from k import aim" + "".join(f", {name}" for name in CLASSES[:split])
    main = way + "\n" + "\n".join(texts[split:]) + "\nmade = [" + ", ".join(f"{name}()" for name in CLASSES) + "]\n"
    for each in draw(st.lists(NAMES, max_size=2)):
        main += f"made[{draw(st.integers(0, 2))}].{each} = 'outside'\n"
    by_name = draw(st.sampled_from(["", "", "'_' + 'aim'", "'take_%s' % 'aim'", "'cost'"]))
    if by_name:
        main += f"result += [str(getattr(x, {by_name}, 0))[:9] for x in made]\n"
    return {"k": "aim = 5\n" + "\n".join(texts[:split]) + "\n", "main": "result = []\n" + main}


def asked(program: dict[str, str]) -> dict[str, str]:
    """The program, which then asks each object for all that it has."""
    more = ""
    for number, thing in enumerate(Program(program).run("main")["made"]):
        for name in dir(thing):
            if not name.startswith("__"):
                call = "()" if callable(getattr(thing, name)) else ""
                more += f"result.append(made[{number}].{name}{call})\n"
    return {**program, "main": program["main"] + more}


@settings(max_examples=150)
@given(class_programs())
def test_a_generated_program_of_classes_has_the_same_result(program):
    try:
        program = asked(program)
        wanted = result(program)
    except (NameError, TypeError):
        return  # no program
    assert repr(result(shrink(program, keep=["result"]))) == repr(wanted)
