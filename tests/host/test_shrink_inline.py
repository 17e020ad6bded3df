"""A function that is called once becomes part of its caller where nothing can tell: case by case, and generated."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import result

from host_tools.deploy.shrink import shrink


def same(main: str, **more: str) -> str:
    """The small text of the module `main`; it does what the sources do."""
    program = {"main": textwrap.dedent(main), **more}
    small = shrink(program, whole="main", short=False, keep=["result"])
    assert repr(result(small)) == repr(result(program)), small["main"]
    return small["main"]


def functions(text: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}


THING = """
class Thing:
    def __init__(self):
        self.n = 4
{methods}
    def go(self, n):
{body}
result = []
thing = Thing()
for n in (0, 1, 5):
    result.append((thing.go(n), thing.n))
result.append(thing.go)
result = result[:-1]
"""


def thing(methods: str, body: str) -> str:
    return THING.format(methods=textwrap.indent(methods, "    "), body=textwrap.indent(body, "        "))


GONE = {
    "no return": ("def once(self, n):\n    self.n += n", "self.once(n)\nreturn 7"),
    "a return at the end": (
        "def once(self, n):\n    m = n + 1\n    return m * m",
        "m = 2\nk = self.once(n)\nreturn m, k",
    ),
    "early returns": (
        "def once(self, n):\n    if n > 3:\n        return 'many'\n    if n:\n        return 'some'",
        "k = self.once(n)\nreturn k",
    ),
    "returned as it is": (
        "def once(self, n):\n    if n:\n        return n\n    self.n = 9",
        "if n > 3:\n    return self.once(n)",
    ),
    "a test": ("def once(self, n):\n    return n > 3", "if self.once(n):\n    return 1\nreturn 2"),
    "a test that is denied": (
        "def once(self, n):\n    for i in range(n):\n        if i == 2:\n            return True\n    return False",
        "if not self.once(n):\n    return 1\nreturn 2",
    ),
    "a return from between": (
        "def once(self, n):\n    if n:\n        if n > 3:\n            return\n        self.n += 1\n    self.n += 10",
        "self.once(n)\nreturn self.n",
    ),
    "a return that does something": (
        "def once(self, n):\n    return self.add(n)\ndef add(self, n):\n    self.n += n",
        "self.once(n)\nself.add(2)\nreturn self.add(1)",
    ),
    "a parameter that is set": ("def once(self, n):\n    n += 1\n    return n", "k = self.once(n)\nreturn n, k"),
    "an argument that the body changes": (
        "def once(self, was):\n    self.n += 1\n    return was",
        "k = self.once(self.n)\nreturn k",
    ),
    "defaults and keywords": ("def once(self, a, b=2, c=3):\n    return a, b, c", "k = self.once(n, c=5)\nreturn k"),
    "an error that is caught": (
        "def once(self, n):\n    try:\n        return 9 // n\n"
        "    except ZeroDivisionError as error:\n        return str(error)",
        "error = 1\nk = self.once(n)\nreturn error, k",
    ),
    "something after what is tried": (
        "def once(self, n):\n    try:\n        if n:\n            return n\n    except IndexError:\n        return\n"
        "    self.n = 9",
        "k = self.once(n)\nreturn k, self.n",
    ),
    "two results": ("def once(self, n):\n    return n, -n", "a, b = self.once(n)\nreturn b, a"),
    "in a loop that ends": (
        "def once(self, n):\n    return n - 1",
        "while True:\n    n = self.once(n)\n    if n < 1:\n        return n",
    ),
    "its own target as its argument": (
        "def once(self, k):\n    if k > 3:\n        return 0\n    return k + 1",
        "n = self.once(n)\nreturn n",
    ),
    "a comprehension": (
        "def once(self, n):\n    return [i * 2 for i in range(n)]",
        "i = 3\nk = self.once(n)\nreturn i, k",
    ),
}


@pytest.mark.parametrize("what", GONE)
def test_a_method_that_is_called_once_is_part_of_its_caller(what):
    assert "once" not in functions(same(thing(*GONE[what])))


KEPT = {
    "looked up by a text": ("def once(self, n):\n    return n", "self.once(n)\nreturn getattr(self, 'on' + 'ce')(n)"),
    "a name of MicroPython's": ("def append(self, n):\n    return n", "[].append(n)\nreturn n"),
    "a generator": ("def once(self, n):\n    yield n", "k = self.once(n)\nreturn list(k)"),
    "in an endless loop": (
        "def once(self, n):\n    if n:\n        raise IndexError\n    self.n = 0\n"
        "def spin(self, n):\n    while True:\n        self.once(n)\n        n += 1",
        "try:\n    self.spin(n)\nexcept IndexError:\n    return n",
    ),
    "a loop that breaks and returns": (
        "def once(self, n):\n    for i in range(n):\n        if i == 1:\n            break\n"
        "        if n == 1:\n            return 'one'\n    self.n += 10",
        "k = self.once(n)\nreturn k, self.n",
    ),
    "a return from a loop in a loop": (
        "def once(self, n):\n    for i in range(n):\n        for j in range(n):\n            if i + j == 2:\n"
        "                return i, j\n    self.n += 10",
        "k = self.once(n)\nreturn k, self.n",
    ),
    "a function in it": ("def once(self, n):\n    return (lambda: n)()", "k = self.once(n)\nreturn k"),
    "a comprehension with a variable of its own": (
        "def once(self, n):\n    return [i * n for i in range(3)]",
        "k = self.once(n)\nreturn k",
    ),
    "asked for its value": ("def once(self, n):\n    return n", "k = self.once\nreturn k(n)"),
    "so many arguments": ("def once(self, *n):\n    return n", "k = self.once(n, n)\nreturn k"),
    "in the middle of an expression": (
        "def once(self, n):\n    self.n = n\n    return n",
        "return self.n + self.once(n)",
    ),
    "called twice": ("def once(self, n):\n    return n", "a = self.once(n)\nb = self.once(1)\nreturn a + b"),
    "itself": ("def once(self, n):\n    if n:\n        self.once(n - 1)\n    self.n += 1", "return n"),
}


@pytest.mark.parametrize("what", KEPT)
def test_a_method_that_must_stay_stays(what):
    methods, body = KEPT[what]
    small = same(thing(methods, body))
    assert functions(small) >= {methods.split("(")[0].removeprefix("def ")}


def test_a_method_that_nothing_calls_goes_and_one_that_micropython_calls_stays():
    small = same(thing("def room(self):\n    return 1\ndef readblocks(self, n):\n    return n", "return n"))
    assert functions(small) == {"__init__", "readblocks", "go"}


def test_a_function_of_a_module_becomes_part_of_the_method_that_calls_it():
    tool = "LIMIT = [3]\ndef once(n):\n    limit = LIMIT[0]\n    return min(n, limit)\n"
    main = "import tool\nfrom tool import once\n" + thing("", "limit = 1\nk = once(n)\nreturn k, limit")
    assert "once" not in " ".join(functions(same(main, tool=tool)))


def test_a_name_of_the_module_s_that_is_the_caller_s_keeps_the_function():
    main = "LIMIT = [3]\ndef once(n):\n    return LIMIT[0] + n\n" + thing("", "LIMIT = 1\nk = once(n)\nreturn k, LIMIT")
    assert "once" in " ".join(functions(same(main)))


# ---- generated bodies

NAMES = st.sampled_from(["a", "b", "n", "k"])
VALUES = st.sampled_from(["a", "b", "n", "k", "1", "a + b", "n - k", "self.step()", "self.n"])
TESTS = st.sampled_from(["a > b", "n", "not k", "a == 2", "self.step() > 3"])


def indented(lines: list[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ")


STATEMENTS = st.deferred(
    lambda: st.one_of(
        st.builds("{} = {}".format, NAMES, VALUES),
        st.builds("return {}".format, VALUES),
        st.just("return"),
        st.just("self.step()"),
        st.builds(lambda test, body: f"if {test}:\n{indented(body)}", TESTS, BODIES),
        st.builds(lambda t, body, other: f"if {t}:\n{indented(body)}\nelse:\n{indented(other)}", TESTS, BODIES, BODIES),
        st.builds(lambda name, body: f"for {name} in range(3):\n{indented(body)}", NAMES, BODIES),
        st.builds(lambda body: f"try:\n{indented(body)}\nexcept IndexError:\n    k = 5", BODIES),
        st.builds(lambda body: f"try:\n{indented(body)}\nfinally:\n    self.n += 100", BODIES),
    )
)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=3)
CALLS = st.sampled_from(
    [
        "self.once({})",
        "k = self.once({})",
        "b, k = self.once({}), 1",
        "return self.once({})",
        "if self.once({}):\n    b = 7",
        "if not self.once({}):\n    b = 7\nelse:\n    k = 8",
        "for b in range(2):\n    k = self.once({})",
        "try:\n    return self.once({})\nfinally:\n    self.n += 1",
    ]
)
ARGUMENTS = st.sampled_from(["n, b", "b=n, a=k", "self.n, self.step()", "1, k", "k, b=n"])


@settings(max_examples=150, deadline=None)
@given(BODIES, CALLS, ARGUMENTS)
def test_a_generated_method_does_the_same_in_its_place(body, call, arguments):
    steps = "def step(self):\n    self.n += 1\n    if self.n > 40:\n        raise IndexError\n    return self.n\n"
    methods = steps + "def once(self, a, b):\n    n = k = 0\n" + indented(body)
    tried = indented(call.format(arguments).splitlines())
    caller = f"b = k = 3\ntry:\n{tried}\nexcept (IndexError, TypeError):\n    b = self.n\nself.n = 4\nreturn n, b, k"
    same(thing(methods, caller))


def test_one_in_another_keeps_the_variables_of_both_apart():
    outer = "def outer(self, n):\n    m = n + 1\n    self.inner(n)\n    return m\n"
    inner = "def inner(self, n):\n    m = n * 7\n    self.n = m\n"
    small = same(thing(outer + inner, "k = self.outer(n)\nreturn k, self.n"))
    assert functions(small) == {"__init__", "go"}


def test_a_variable_gets_no_name_that_the_function_has_from_its_module():
    once = "def once(self, n):\n    m = n\n    m += 1\n    return m + m_[0]\n"
    small = same("m_ = [10]\n" + thing(once, "m = 2\nk = self.once(n)\nreturn m, k"))
    assert functions(small) == {"__init__", "go"}


def test_a_table_that_nothing_reads_goes_and_one_that_something_reads_stays():
    tool = "IDLE = ('word', 'other')\nREAD = ('far', 'near')\nMADE = [print]\n__version__ = '1'\n"
    program = {"main": "from tool import READ\nresult = READ[0]\n", "tool": tool}
    small = shrink(program, whole="main", short=False, keep=["result"])
    assert result(small) == result(program)
    assert ast.unparse(ast.parse(tool.split("\n", 1)[1])) == small["tool"]


def test_a_table_of_a_module_that_is_asked_by_name_stays():
    main = (
        "import sys\nname = 'IDLE' + '_TABLE'\ndef asked():\n    return getattr(sys.modules['tool'], name)\nasked()\n"
    )
    small = shrink({"main": main, "tool": "IDLE_TABLE = ('a', 'b')\nOTHER = ('c', 'd')\n"}, whole="main", short=False)
    assert ast.unparse(ast.parse("IDLE_TABLE = ('a', 'b')")) == small["tool"]


def test_a_method_is_no_module_s_function_of_the_same_name():
    tool = "def turn(n):\n    return -n\nown = __name__\n"
    main = "from p import tool\n" + thing("def turn(self, n):\n    return 10 * n", "k = tool.turn(n)\nreturn k")
    program = {"main": main, "p.tool": tool}
    assert repr(result(shrink(program, whole="main", short=False, keep=["result"]))) == repr(result(program))


def test_a_method_of_two_classes_stays_in_both():
    other = "class Other:\n    def once(self, n):\n        return -n\n"
    small = same(other + thing("def once(self, n):\n    return n + 1", "k = self.once(n)\nreturn k, len(str(Other))"))
    assert "once" in functions(small)


def test_a_function_of_a_module_beside_the_whole_stays_short():
    calls = "\n".join(f"    k{number} = once{number}(n)" for number in range(40))
    functions_of = "\n".join(f"def once{number}(n):\n    n += {number}\n    return n + n" for number in range(40))
    apart = f"{functions_of}\ndef all_of_them(n):\n{calls}\n    return k0 + k39\n"
    program = {
        "apart": apart,
        "main": "def later():\n    import apart\n    return apart.all_of_them(3)\nresult = later()\n",
    }
    small = shrink(program, whole="main", short=False, keep=["result"])
    assert repr(result(small)) == repr(result(program))
    assert 5 < len(functions(small["apart"])) < 40
    names = {
        node.id for node in ast.walk(ast.parse(small["apart"])) if isinstance(node, ast.Name) and node.id[0] == "n"
    }
    assert names <= {"n", "n_"}, "one variable for all that stand one after another"
