"""Shrunk, generated programs and the firmware itself do what their sources do: the wire's vectors, a trace."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import result

from host_tools.deploy import firmware_build
from host_tools.deploy.firmware_build import sources
from host_tools.deploy.shrink import shrink

TESTS = Path(__file__).resolve().parents[1]
FIRMWARE = {
    name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path.read_text(encoding="utf-8")
    for name, path in sources("virtual").items()
}


# ---- Generated programs: few names, so that they clash

CONSTANTS = st.sampled_from(["A", "B", "TEXT"])
LOCALS = st.sampled_from(["a", "b", "size", "A", "B", "s"])
VALUES = st.sampled_from(["A", "B", "TEXT", "s.A", "s.TEXT", "a", "b", "size", "s", "-3", "5", "'x'"])
EXPRESSIONS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("({}) ** 2".format, inner),
        st.builds("[{} for {} in ({}, 2)]".format, inner, LOCALS, inner),
        st.builds("(lambda {0}: {1})({2})".format, LOCALS, inner, inner),
    ),
    max_leaves=4,
)
BLOCKS = st.one_of(
    st.builds("{} = {}".format, LOCALS, EXPRESSIONS),
    st.builds("for {} in ({}, 1): pass".format, LOCALS, EXPRESSIONS),
    st.builds("try: {} = 1 // 0\nexcept ZeroDivisionError as {}: pass".format, LOCALS, LOCALS),
    st.builds("from p.k import {} as {}".format, CONSTANTS, LOCALS),
    st.builds("from p import k as {}".format, LOCALS),
    st.builds("class s: {} = {}".format, CONSTANTS, EXPRESSIONS),
    st.just("global A"),
)
PARAMETER_LISTS = st.builds(
    "{}, {}={}{}".format, st.sampled_from(["a", "size"]), st.sampled_from(["b", "B", "s"]), EXPRESSIONS,
    st.sampled_from(["", ", *rest", ", **a2", ", *, extra=1"]),
)  # fmt: skip
CALLS = st.sampled_from(["f(1)", "f(1, 2)", "f(a=1)", "f(size=1)", "f(*(1, 2))", "f(**{'a': 1, 'b': 2})", "f(1, b=2)"])
IMPORTS = st.sampled_from(
    ["from p.k import A, B, TEXT", "from p.k import A as B, B as A, TEXT", "from p import k as s", "import p.k as s",
     "from p.k import *", "from p.k import A\nfrom p import k as s"]
)  # fmt: skip


def attempt(code: str) -> str:
    """Statements, one after the other, each of which may fail."""
    return (
        f"try:\n    result.append(repr({code})[:200])\nexcept Exception as problem:\n    result.append(type(problem))\n"
    )


@st.composite
def programs(draw: Any) -> dict[str, str]:
    values = st.sampled_from(["1", "-2", "'t'", "A + 1", "A * 3", "A << 2", "[1]"])
    k = (
        "A = 4\nB = "
        + draw(values)
        + "\nTEXT = "
        + draw(st.sampled_from(["'quote\\''", "b'\\0'", "'long' * 9"]))
        + "\n"
    )
    k += draw(st.sampled_from(["", "B = 9\n", "def change():\n    global A\n    A = 5\n", "if A: B = 3\n"]))
    body = "\n".join([*draw(st.lists(BLOCKS, max_size=3)), "return " + draw(EXPRESSIONS)])
    function = f"def f({draw(PARAMETER_LISTS)}):\n" + "\n".join("    " + line for line in body.split("\n"))
    known = draw(st.sampled_from(["a = b = size = 2", "a = size = 2", "b = size = 2"]))
    known += draw(st.sampled_from(["", "\nclass s: A = 4; TEXT = 'own'"]))
    top = draw(st.sampled_from(["", "", "s = 3", "A = 6", "B = 7"]))
    calls = "".join(attempt(call) for call in draw(st.lists(CALLS, min_size=1, max_size=2)))
    more = attempt(draw(EXPRESSIONS))
    return {"p.k": k, "main": "\n".join(["result = []", known, draw(IMPORTS), top, function, calls + more])}


@settings(max_examples=200)
@given(programs())
def test_a_generated_program_has_the_same_result(program):
    try:
        wanted = result(program)
    except (SyntaxError, NameError, TypeError, AttributeError):
        return  # no program
    assert repr(result(shrink(program, short=False))) == repr(wanted)
    if NameError not in wanted:  # where a name means nothing, it does not matter why
        assert repr(result(shrink(program, keep=["result", "s"]))) == repr(wanted)  # a class says its name


# ---- The firmware


def written(folder: Path, texts: dict[str, str]) -> Path:
    """The folder, with each module in a file."""
    for name, text in texts.items():
        base = folder / name.replace(".", "/")
        is_package = any(other.startswith(name + ".") for other in texts)
        path = base / "__init__.py" if is_package else base.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def output_of(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=60, env={"PYTHONHASHSEED": "0"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WHOLE = ["", firmware_build.WHOLE]


@pytest.mark.parametrize("whole", WHOLE)
def test_the_shrunk_firmware_passes_the_wire_s_vectors(tmp_path, whole):
    script = TESTS / "wire/vm_vectors.py"
    folder = written(tmp_path, shrink({**FIRMWARE, "vm_vectors": script.read_text(encoding="utf-8")}, whole=whole))
    said = output_of(folder / "vm_vectors.py", folder, TESTS / "wire/vectors.json")
    assert said == output_of(script, TESTS.parent / "firmware", TESTS / "wire/vectors.json")
    assert said.startswith("passed ")


TRACE = [
    ["boot", 0, 5_000],
    ["at", 1_000],
    ["message", "activation_pending", {
        "esme": "x:00db000000000002", "hub": "x:00db000000000001", "counter": "x:0000000000000001",
        "image_hash": "x:" + 32 * "ab", "expected_outage_s": 300, "valid_s": 600}, "x:" + 16 * "01"],
    ["at", 10_000], ["sense", 0, 4_990], ["at", 100_000], ["sense", 2, 4_400], ["at", 189_999], ["at", 191_000],
    ["at", 200_000], ["sense", 1, 4_000], ["at", 210_000], ["sense", 0, 4_000], ["at", 220_000],
    ["boot", 1, 900], ["at", 300_000], ["damage", 3], ["boot", 0, 7], ["at", 420_000], ["sense", 5, 5_000],
    ["at", 600_000], ["compact"], ["stop"], ["boot", 0, 9], ["at", 700_000],
]  # fmt: skip
REPLAY = """
import json, sys
sys.path.insert(0, sys.argv[1])
import replay
for policy in (1, 2):
    for entry in replay.Hub({"policy": policy}).run(json.loads(sys.argv[2])):
        print(entry.text())
"""


@pytest.mark.parametrize("whole", WHOLE)
def test_the_shrunk_core_replays_a_trace_as_the_sources_do(tmp_path, whole):
    texts = {**FIRMWARE, "replay": (TESTS / "core/replay.py").read_text(encoding="utf-8")}
    # By the script below, and by the trace, whose entries are methods' names.
    looked_up = ["Hub", "run", "text", *re.findall(r"\bdo_\w+", texts["replay"])]
    folders = [
        written(tmp_path / "small", shrink(texts, whole=whole, keep=looked_up)),
        written(tmp_path / "whole", texts),
    ]
    logs = [output_of("-c", REPLAY, folder, json.dumps(TRACE)) for folder in folders]
    assert logs[0] == logs[1]
    assert "send ad1" in logs[0] and len(logs[0].splitlines()) > 40


def test_the_firmware_is_one_module_but_for_what_a_boot_gives_back():
    small = shrink(FIRMWARE, whole=firmware_build.WHOLE)
    unloaded = {"chf.identity", "chf.core.recovery", "chf.core.boot", "chf.journal.walk"}
    assert unloaded <= set(small), "the shell unloads these by name"
    assert "chf.strap" in small, "a live hub never loads it"
    apart = {"chf", "chf.shell", "chf.strap", "chf.core.limits", *unloaded}
    assert {name for name in small if name.split(".")[0] == "chf"} <= apart


def test_the_firmware_keeps_no_number_under_a_name():
    small = shrink(FIRMWARE)
    assert "chf.core.events" in FIRMWARE and "chf.core.events" not in small
    for name, text in small.items():
        for node in ast.parse(text).body:
            number = isinstance(node, ast.Assign) and isinstance(getattr(node.value, "value", None), int)
            assert not number or not ast.unparse(node.targets[0]).isupper(), (name, ast.unparse(node))
