"""The shrunk firmware behaves as the sources do: snippets, generated programs, the wire's vectors and a trace."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Program

from host_tools.firmware_build import sources
from host_tools.shrink import shrink
from host_tools.shrink_names import TEXT_MAX

TESTS = Path(__file__).resolve().parents[1]
FIRMWARE = {
    name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path.read_text(encoding="utf-8")
    for name, path in sources("virtual").items()
}


def result(program: dict[str, str]) -> Any:
    """What the module `main` leaves in `result`."""
    return Program(program).run("main")["result"]


def same(program: dict[str, str]) -> dict[str, str]:
    """The shrunk program, which has the same result, of the same type."""
    small = shrink(program)
    assert repr(result(small)) == repr(result(program)), small
    return small


# ---- Constants

FOLDED = {
    "an integer": ("A = 7\nB = A", "from k import A\nresult = A + 1", "result = 7 + 1"),
    "a negative one": ("A = -7", "from k import A\nresult = A ** 2, -A, A.bit_length()", None),
    "an expression": ("A = 3\nB = (A << 4 | 1) + A * 2 - 60 // 7", "from k import B\nresult = B", "result = 47"),
    "under another name": ("A = 7", "from k import A as wanted\nresult = wanted", "result = 7"),
    "by its module's name": ("A = 7", "from p import k as s\nresult = s.A", "result = 7"),
    "in a function's import": ("A = 7", "def f():\n    from k import A\n    return A\nresult = f()", None),
    "the only line of a block": ("A = 7", "if True:\n    from k import A\nresult = A", None),
    "a short text": ("A = 'ab'\nB = A + 'c'", "from k import B\nresult = B", "result = 'abc'"),
    "octets": ("A = b'\\x00\\xff'", "from k import A\nresult = A", "result = b'\\x00\\xff'"),
    "a text with quotes": ("A = '\"\\'\\n{}'", "from k import A\nresult = A % () + A", None),
    "as a default and as a decorator's argument": (
        "A = 7",
        "from k import A\ndef d(n):\n    return lambda f: lambda: f() + n\n"
        "@d(A)\ndef g(n=A):\n    return n\nresult = g()",
        None,
    ),
    "in an f-string": ("A = 7", "from k import A\nresult = f'{A} {A + 1:03d}'", None),
}


@pytest.mark.parametrize("what", FOLDED)
def test_a_constant_is_folded(what):
    constants, main, wanted = FOLDED[what]
    name = "p.k" if "from p import" in main else "k"
    small = same({name: constants, "main": main})
    assert set(small) == {"main"}, "a module of constants alone is not needed on a device"
    if wanted is not None:
        assert small["main"] == wanted


LEFT = {
    "a name assigned twice": "A = 7\nearly = A\nA = 8\n",
    "a name changed later": "A = 7\nA += 1\n",
    "a name that a function rebinds": "A = 7\ndef f():\n    global A\n    A = 9\nf()\n",
    "a loop's variable": "A = 7\nfor A in (1, 2):\n    pass\n",
    "a name that is deleted": "A = 7\ndel A\nA = 8\n",
    "a name caught": "A = 7\ntry:\n    raise OSError(3)\nexcept OSError as A:\n    pass\nA = 8\n",
    "one that an import replaces": "A = 7\nfrom other import A\n",
    "one that a star may replace": "A = 7\nfrom other import *\n",
    "one in a tuple": "A = 7\nA, B = 1, 2\n",
    "one with a condition": "import sys\nif sys:\n    A = 7\n",
    "not capitals": "a = 7\nA = a\n",
    "a truth": "A = True\n",
    "none": "A = None\n",
    "a list": "A = [1]\nA.append(2)\n",
    "a fraction": "A = 1.5\n",
    "a call": "A = len('abc')\n",
    "a long text": f"A = {'x' * (TEXT_MAX + 1)!r}\n",
    "texts that are long together": f"B = {'x' * TEXT_MAX!r}\nA = B + B\n",
    "a division by zero": "Z = 0\ntry:\n    A = 1 // Z\nexcept ZeroDivisionError:\n    A = 5\n",
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_no_constant_is_left_alone(what):
    program = {"k": LEFT[what], "other": "A = 70\n", "main": "from k import A\nresult = A"}
    assert "from k import A" in same(program)["main"]


SHADOWED = {
    "a parameter": "from k import A\ndef f(A):\n    return A\nresult = f(1), f(A=2)",
    "a keyword-only one": "from k import A\ndef f(*, A=A):\n    return A\nresult = f(), f(A=2)",
    "a local name": "from k import A\ndef f():\n    A = 3\n    return A\nresult = f(), A",
    "a comprehension's": "from k import A\nresult = [A for A in (1, 2)], A",
    "a lambda's": "from k import A\nresult = (lambda A: A)(3), A",
    "an attribute": "from k import A\nclass C:\n    A = 1\n    b = A\nresult = C.A, C.b, A",
    "two imports": "def f():\n    from k import A\n    return A\ndef g():\n    from o import A\n    return A\n"
    "result = f(), g()",
    "a module's name as a parameter": "from p import m as s\nclass T:\n    A = 1\ndef f(s):\n    return s.A\n"
    "result = f(T), s.A",
    "a module's name as a local one": "from p import m as s\nclass T:\n    A = 1\ndef f():\n    s = T\n    return s.A\n"
    "result = f(), s.A",
    "a module's name rebound": "from p import m as s\nresult = s.A\nfrom p import n as s\nresult = result, s.A",
    "a with's": "import io\nfrom k import A\nwith io.StringIO() as A:\n    pass\nresult = A.closed",
    "a walrus's": "from k import A\nresult = [A := 5, A]",
}


@pytest.mark.parametrize("what", SHADOWED)
def test_a_name_that_means_something_else_is_not_folded(what):
    same({"k": "A = 7", "o": "A = 70", "p.m": "A = 700", "p.n": "A = 7000", "main": SHADOWED[what]})


REACHED = {
    "import": "import p.k\nresult = p.k.A",
    "import as": "import p.k as s\nresult = s.A",
    "by a name made at run time": "from p import k\nresult = getattr(k, 'A')",
    "as an object": "from p import k\ndef f(m):\n    return m.A\nresult = f(k)",
    "star": "from p.k import *\nresult = A",
    "relative": "from q import r\nresult = r.f()",
    "second-hand": "from q.second import A\nresult = A",
    "second-hand, by its module": "from q import second\nresult = second.A",
    "a module at second hand": "from q.third import k\nresult = k.A",
    "set from outside": "from p import k\nk.A = 9\nresult = k.A",
    "set from outside, read from a third": "from p import k\nfrom q import fourth\nk.A = 9\nresult = fourth.f()",
}


@pytest.mark.parametrize("what", REACHED)
def test_a_constant_that_is_reached_in_another_way_is_still_there(what):
    program = {
        "p.k": "A = 7\nB = 8",
        "q.r": "from .here import A\nfrom . import here\ndef f():\n    return A, here.A",
        "q.here": "A = 5",
        "q.second": "from p.k import A",
        "q.third": "from p import k",
        "q.fourth": "from p import k\ndef f():\n    return k.A",
        "main": REACHED[what],
    }  # fmt: skip
    same(program)


def test_an_idle_module_goes_and_one_that_is_still_imported_stays():
    small = same(
        {
            "p": '"""A package."""',
            "p.idle": '"""Constants."""\nA = 7',
            "p.wanted": '"""Nothing."""',
            "main": "import p.wanted\nfrom p import idle\nresult = idle.A, p.wanted.__name__",
        }
    )
    assert set(small) == {"p.wanted", "main"}
    assert "idle" not in small["main"]


def test_a_module_that_does_not_parse_is_named():
    with pytest.raises(SyntaxError) as raised:
        shrink({"good": "A = 1", "bad": "def"})
    assert raised.value.filename == "bad"


# ---- Parameters

PARAMETERS = {
    # code, parameters in the end
    "plain": ("def f(first, second):\n    return first - second\nresult = f(5, 3)", "a b"),
    "taken letters": ("a = 1\ndef f(first, b):\n    return first + a + b\nresult = f(2, 3)", "c d"),
    "self": ("class C:\n    def m(self, first):\n        return first\nresult = C().m(4)", "self a"),
    "named in a call": (
        "def f(first, second):\n    return first, second\nresult = f(second=1, first=2)",
        "first second",
    ),
    "named in a call of another": (
        "def f(first, other):\n    return first\ndef g(**kw):\n    return kw\nresult = f(1, 2), g(first=3)",
        "first a",
    ),
    "spread": (
        "def f(first, second):\n    return first, second\nresult = f(**{'first': 1, 'second': 2})",
        "first second",
    ),
    "spread into a class": (
        "class C:\n    def __init__(self, first):\n        self.x = first\nresult = C(**{'first': 1}).x",
        "self first",
    ),
    "spread into a class's base": (
        "class B:\n    def __init__(self, first):\n        self.x = first\nclass C(B):\n    pass\n"
        "result = C(**{'first': 1}).x",
        "self first",
    ),
    "spread under another name": ("def f(first):\n    return first\ng = f\nresult = g(**{'first': 1})", "first"),
    "spread into a builtin": (
        "def f(first):\n    return dict({'x': 0}, **first)\nresult = f({'y': 1})",
        "a",
    ),
    "a nested function": ("def f(first):\n    def g():\n        return first\n    return g()\nresult = f(1)", "first"),
    "a lambda": ("def f(first):\n    return (lambda: first)()\nresult = f(1)", "first"),
    "a class inside": (
        "def f(first):\n    class C:\n        first = 2\n    return C.first, first\nresult = f(1)",
        "first",
    ),
    "comprehensions": (
        "def f(first, second):\n    return [second + n for n in first if n], {first: 1 for first in first}\n"
        "result = f([0, 1], 2)",
        "a b",
    ),
    "defaults": ("size = 3\ndef f(first, size=size):\n    return first + size\nresult = f(1), f(1, 2)", "a b"),
    "a decorator and annotations": (
        "def f(size):\n    return lambda g: g\nsize = f\n@f(size)\ndef h(size: size) -> size:\n    return size\n"
        "result = h(4)",
        "a",
    ),
    "stars": ("def f(first, *a, b=2, **c):\n    return first, a, b, c\nresult = f(1, 2, 3, x=4)", "d"),
    "positional only": ("def f(a, /, first):\n    return a, first\nresult = f(1, 2)", "b"),
    "caught": (
        "def f(first):\n    try:\n        raise OSError(first)\n    except OSError as a:\n        pass\n"
        "    return first\nresult = f(1)",
        "b",
    ),
    "caught under its own name": (
        "def f(first):\n    try:\n        raise OSError(first)\n    except OSError as first:\n"
        "        return first.args\nresult = f(1)",
        "first",
    ),
    "imported under its own name": (
        "def f(first):\n    import math as first\n    from math import pi as second\n    return first.pi == second\n"
        "result = f(1)",
        "first",
    ),
    "imported from": ("def f(first):\n    from math import pi as first\n    return first\nresult = f(1)", "first"),
    "a global of one letter": (
        "a = 1\ndef f(first):\n    global a\n    a = first\nf(2)\nresult = a",
        "b",
    ),
    "deleted and looped over": (
        "def f(first, second):\n    for second in first:\n        pass\n    del first\n    return second\n"
        "result = f([1, 2], 3)",
        "a b",
    ),
    "more than there are letters": (
        "def f(" + ", ".join(f"p{n}" for n in range(30)) + "):\n    return p0, p29\nresult = f(*range(30))",
        " ".join([chr(ord("a") + n) for n in range(26)] + [f"p{n}" for n in range(26, 30)]),
    ),
}


@pytest.mark.parametrize("what", PARAMETERS)
def test_a_parameter_gets_one_letter_where_no_call_can_name_it(what):
    code, names = PARAMETERS[what]
    small = same({"main": code})["main"]
    functions = [node for node in ast.walk(ast.parse(small)) if isinstance(node, ast.FunctionDef)]
    wanted = {"h"} & {node.name for node in functions} or {"f", "m", "__init__"}
    (function,) = [node for node in functions if node.name in wanted]
    assert " ".join(each.arg for each in function.args.args) == names, small


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
    top = draw(st.sampled_from(["", "s = 3", "A = 6", "a = 7", "size = 8"]))
    calls = "".join(attempt(call) for call in draw(st.lists(CALLS, min_size=1, max_size=2)))
    more = attempt(draw(EXPRESSIONS))
    return {"p.k": k, "main": "\n".join(["result = []", draw(IMPORTS), top, function, calls + more])}


@settings(max_examples=300)
@given(programs())
def test_a_generated_program_has_the_same_result(program):
    try:
        wanted = result(program)
    except (SyntaxError, NameError, TypeError, AttributeError):
        return  # no program
    assert repr(result(shrink(program))) == repr(wanted)


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


def test_the_shrunk_firmware_passes_the_wire_s_vectors(tmp_path):
    script = TESTS / "wire/vm_vectors.py"
    folder = written(tmp_path, shrink({**FIRMWARE, "vm_vectors": script.read_text(encoding="utf-8")}))
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
hub = replay.Hub({"policy": int(sys.argv[2])})
for entry in hub.run(json.loads(sys.argv[3])):
    print(entry.text())
"""


@pytest.mark.parametrize("policy", [1, 2])
def test_the_shrunk_core_replays_a_trace_as_the_sources_do(tmp_path, policy):
    texts = {**FIRMWARE, "replay": (TESTS / "core/replay.py").read_text(encoding="utf-8")}
    folders = [written(tmp_path / "small", shrink(texts)), written(tmp_path / "whole", texts)]
    logs = [output_of("-c", REPLAY, folder, str(policy), json.dumps(TRACE)) for folder in folders]
    assert logs[0] == logs[1]
    assert "send ad1" in logs[0] and len(logs[0].splitlines()) > 20


def test_the_firmware_keeps_no_name_of_a_constant_module_on_the_device():
    small = shrink(FIRMWARE)
    assert sum(map(len, small.values())) < 0.7 * sum(map(len, FIRMWARE.values()))
    for gone in ("chf.core.events", "chf.core.effects", "chf.core.limits"):
        names = [line.split(" = ")[0] for line in small.get(gone, "").splitlines() if " = " in line]
        assert not [name for name in names if name.isupper()], gone
