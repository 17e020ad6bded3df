"""Modules that one module loads become part of it where nothing can tell, whichever it is: snippet by snippet."""

from __future__ import annotations

import ast

import pytest
import test_shrink
import test_shrink_rename
from hypothesis import given, settings
from modules import result
from test_shrink_firmware import programs
from test_shrink_rename import TOOLS

from host_tools.deploy.shrink import shrink

KEEP = ["result"]
TURNS = {"q.tool": "def turn(n):\n    return -n\ndef run_on():\n    return 4\n"}


def same(program: dict[str, str], root: str, *, short: bool = False) -> dict[str, str]:
    small = shrink(program, whole=root, short=short, keep=KEEP)
    assert repr(result(small)) == repr(result(program)), (root, small)
    return small


PROGRAMS = {
    **{f"a constant {what}": {"p.k": constants, "main": main.replace("from k ", "from p.k ")}
       for what, (constants, main, _) in test_shrink.FOLDED.items()},
    **{f"another meaning, {what}": {"k": "A = 7", "o": "A = 70", "p.m": "A = 700", "p.n": "A = 7000", "main": main}
       for what, main in test_shrink.SHADOWED.items()},
    **{what: {**TOOLS, "main": main}
       for what, (main, _) in {**test_shrink_rename.RENAMED, **test_shrink_rename.KEPT}.items()},
    **{what: {**TOOLS, **TURNS, "main": main} for what, main in test_shrink_rename.APART.items()},
}  # fmt: skip


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("what", PROGRAMS)
def test_whatever_module_takes_in_what_it_loads_the_program_does_the_same(what, short):
    for root in set(PROGRAMS[what]) - {"main"}:
        same(PROGRAMS[what], root, short=short)


@settings(max_examples=100)
@given(programs())
def test_a_generated_program_with_one_module_around_another_has_the_same_result(program):
    program = {**program, "around": "from p import k\nfrom p.k import A\ndef f():\n    return A, k.B\n"}
    program["main"] = program["main"] + "\nimport around as a_1\nresult.append(a_1.f())\n"
    try:
        wanted = result(program)
    except (SyntaxError, NameError, TypeError, AttributeError):
        return  # no program
    if NameError not in wanted:
        assert repr(result(shrink(program, whole="around", keep=[*KEEP, "s"]))) == repr(wanted)


MERGED = {
    # what `whole` imports, and what main asks of it; of modules beside it
    "names": (
        {"a": "def f():\n    return g() + 1\ndef g():\n    return 1\n", "whole": "from a import f\ndef h():\n"
         "    return f()"},
        "from whole import h\nfrom a import g\nresult = h(), g()",
    ),
    "modules": (
        {"p.a": "N = [1]\ndef f():\n    return N\n", "whole": "from p import a\ndef h():\n    return a.f() is a.N"},
        "from whole import h\nfrom p import a\ndef k():\n    from p import a as b\n    return lambda: b.f()\n"
        "result = h(), a.N, k()()",
    ),
    "the same name in each": (
        {"a": "def f():\n    return 1\ndef g():\n    return f()\n",
         "whole": "from a import g\ndef f():\n    return 2\ndef h():\n    return f(), g()"},
        "from whole import h, f\nfrom a import f as e\nresult = h(), f(), e()",
    ),
    "names that look like those made": (
        {"a.b": "c = [1]\nm0_c = [2]\n", "a_b": "c = [3]\n", "a": "",
         "whole": "from a.b import c, m0_c\nfrom a_b import c as d\nm1_c = [4]\ndef h():\n"
          "    return c, m0_c, d, m1_c"},
        "from whole import h\nresult = h()",
    ),
    "what a module binds anew after it is loaded": (
        {"a": "last = 0\ndef f():\n    global last\n    last += 1\n    return last\n",
         "whole": "from a import f, last\nimport a as module\nf()\ndef h():\n    return last, module.last, f()"},
        "from whole import h\nfrom a import last\nresult = h(), h(), last",
    ),
    "an import that is bound anew": (
        {"a": "def f():\n    return 1\n", "whole": "from a import f\nold = f\ndef f():\n    return 2\n"
         "def h():\n    return f(), old()"},
        "from whole import h\nfrom a import f\nresult = h(), f()",
    ),
    "second-hand": (
        {"a": "def f():\n    return 1\n", "b": "from a import f as g\n", "whole": "from b import g as k\n"
         "def h():\n    return k()"},
        "from b import g\nfrom whole import k, h\nresult = g(), k(), h()",
    ),
    "MicroPython's own, under one name and under two": (
        {"a": "import json\nfrom math import floor as cut\ndef f():\n    return json.loads('1') + cut(2.5)\n",
         "b": "import gc as json\nfrom math import ceil as cut\ndef f():\n    return json.isenabled(), cut(2.5)\n",
         "whole": "import json\nfrom a import f\nfrom b import f as g\ndef h():\n"
          "    return f(), g(), json.loads('3')"},
        "from whole import h\nresult = h()",
    ),
    "MicroPython's own, used while a module that comes later by its name is loaded": (
        {"log": "from math import floor\nfrom b import C\nA = [floor(2.5), C]\n",
         "b": "from math import floor\nC = floor(3.5)\n",
         "whole": "from math import floor\nfrom log import A\ndef h():\n    return A, floor(4.5)"},
        "from whole import h\nresult = h()",
    ),
    "MicroPython's own, where it hides a builtin": (
        {"a": "from math import pow\ndef f():\n    return pow(2, 3)\n", "whole": "from a import f\ndef h():\n"
         "    return f(), pow(2, 3)"},
        "from whole import h\nresult = h()",
    ),
    "a local name that hides it": (
        {"a": "import json\ndef f(x):\n    return json.loads(x)\n",
         "whole": "from a import f\ndef h(json):\n    f = 3\n    return json, f\ndef k():\n    return f('4')"},
        "from whole import h, k\nresult = h(1), k()",
    ),
    "what a function imports": (
        {"a": "def f():\n    return 1\n",
         "late": "from a import f\nfrom whole import h\ndef g():\n    return f(), h()",
         "whole": "from a import f\ndef h():\n    return 5\ndef k():\n    from late import g\n"
          "    from a import f as e\n    return g(), e()"},
        "from whole import k\nresult = k()",
    ),
    "classes": (
        {"a": "class A:\n    size = 3\n    def f(self, n=[4]):\n        return self.size, n\n",
         "whole": "import a as m\nclass B(m.A):\n    def f(self):\n        return super().f(), self.size\n"
          "def h():\n    return B().f()"},
        "from whole import h, B\nfrom a import A\nresult = h(), isinstance(B(), A)",
    ),
    "in the order in which they are loaded": (
        {"log": "seen = []\ndef see(x):\n    seen.append(x)\n    return x\n", "a": "from log import see\n"
         "from b import two\none = see('a')\n",
         "b": "from log import see\ntwo = see('b')\n",
         "whole": "from a import one\nfrom b import two\nfrom log import see, seen\nsee('whole')\ndef h():\n"
          "    return seen, one, two"},
        "from whole import h\nresult = h()",
    ),
}  # fmt: skip


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("what", MERGED)
def test_what_a_module_loads_becomes_part_of_it(what, short):
    modules, main = MERGED[what]
    small = same({**modules, "main": main}, "whole", short=short)
    assert not {"a", "b", "a.b", "p.a", "log"} & {name for name in small if name != "a" or what[:5] != "names"}, small


APART = {
    # modules of which `alone` is to stay by itself
    "a package": {
        "alone": "A = [1]\n",
        "alone.b": "B = [2]\n",
        "whole": "from alone import A\nfrom alone.b import B\n",
    },
    "used as an object": {"alone": "A = [1]\n", "whole": "import alone\ndef h(m=alone):\n    return m.A\n"},
    "set from outside": {"alone": "a = 1\ndef f():\n    return a\n", "whole": "import alone\nalone.a = 2\n"},
    "its own name": {"alone": "A = [__name__]\n", "whole": "from alone import A\n"},
    "its own names": {"alone": "b = 3\nA = [globals()['b']]\n", "whole": "from alone import A\n"},
    "a star": {"alone": "A = [1]\n", "whole": "from alone import *\n"},
    "a star inside": {"alone": "from b import *\n", "b": "A = [1]\n", "whole": "from alone import A\n"},
    "one that perhaps is not loaded": {
        "alone": "def f():\n    return [1]\n",
        "whole": "try:\n    from alone import f\nexcept ImportError:\n    f = None\n",
    },
    "a name that is asked for from outside": {"alone": "result = [1]\n", "whole": "from alone import result\n"},
}


@pytest.mark.parametrize("what", APART)
def test_a_module_stays_by_itself_where_that_could_be_told(what):
    modules = {**APART[what], "other": "B = [5]\n"}
    modules["whole"] += "from other import B as last\n"
    small = same({**modules, "main": "import whole\nfrom whole import last\nresult = last\n"}, "whole")
    assert "alone" in small


CIRCLES = {
    "two": {"a": "import b\ndef f():\n    return b.g()\n", "b": "import a\ndef g():\n    return 1\n"},
    "two, with a condition": {
        "a": "import b\ndef f():\n    return b.g()\n",
        "b": "try:\n    import a\nexcept ImportError:\n    a = None\ndef g():\n    return 1\n",
    },
    "by way of one that stays by itself": {
        "a": "from b import g\nname = __name__\ndef f():\n    return g()\n",
        "b": "def g():\n    return 1\n",
    },
}


@pytest.mark.parametrize("what", CIRCLES)
def test_modules_that_would_load_the_one_half_made_all_stay_apart(what):
    program = {"whole": "from a import f\nfrom b import g\ndef h():\n    return f(), g()\n", **CIRCLES[what]}
    small = same({**program, "main": "from whole import h\nresult = h()"}, "whole")
    assert set(small) == {*program, "main"}


def test_an_import_of_several_names_is_one_statement():
    program = {
        "a": "def f():\n    return 1\n",
        "p.b": "def g():\n    return 2\ndef k():\n    return 3\n",
        "whole": "from a import f\nfrom p.b import g, k\n",
        "main": "from a import f\nfrom p import b\nfrom p.b import k\nresult = f(), b.g(), b.k(), k()",
    }
    small = same(program, "whole")
    assert len([each for each in ast.walk(ast.parse(small["main"])) if isinstance(each, ast.ImportFrom)]) == 1, small
