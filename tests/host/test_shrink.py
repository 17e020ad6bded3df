"""Constants are folded and parameters shortened where nothing can tell, and nowhere else: snippet by snippet."""

from __future__ import annotations

import ast

import pytest
from modules import result

from host_tools.deploy.shrink import shrink
from host_tools.deploy.shrink_names import TEXT_MAX


def same(program: dict[str, str]) -> dict[str, str]:
    """The shrunk program, which has the same result, of the same type."""
    small = shrink(program, short=False)
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
    "stars that nobody looks at": ("def f(first, *a, b=2, **c):\n    return first\nresult = f(1, 2, 3, x=4)", "d"),
    "a global that nobody looks at": ("def f(first):\n    global a\n    return first\nresult = f(1)", "b"),
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
    "a letter that a call means for another": (
        "def f(first):\n    return first\ndef g(**kw):\n    return kw\n"
        "try:\n    result = f(a=1)\nexcept TypeError:\n    result = g(a=2)",
        "b",
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
