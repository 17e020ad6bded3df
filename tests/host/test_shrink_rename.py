"""Names get short ones where nothing can tell, and nowhere else: snippet by snippet."""

from __future__ import annotations

import ast

import pytest
from modules import result

from host_tools.deploy.shrink import shrink


def same(program: dict[str, str]) -> dict[str, str]:
    """The shrunk program, which has the same result; `result` is what the tests look at from outside."""
    small = shrink(program, keep=["result"])
    assert repr(result(small)) == repr(result(program)), small
    return small


def words(program: dict[str, str]) -> set[str]:
    """All identifiers of a program."""
    found = set()
    for text in program.values():
        for node in ast.walk(ast.parse(text)):
            for field in ("id", "attr", "arg", "name", "asname"):
                found.add(getattr(node, field, None))
    return found - {None}


RENAMED = {
    # the main module's code, with a module `p.tool` beside it; the names that are gone in the end
    "a function": ("def twice(x):\n    return 2 * x\nresult = twice(4)", "twice"),
    "a class, its methods and attributes": (
        "class Thing:\n    weight = 3\n    def __init__(self):\n        self._load_kg = 4\n    def total(self):\n"
        "        return self.weight + self._load_kg\nresult = Thing().total()",
        "Thing weight _load_kg total",
    ),
    "a property and a static method": (
        "class Thing:\n    @property\n    def heavy(self):\n        return 5\n    @staticmethod\n    def feather():\n"
        "        return 1\nresult = Thing().heavy, Thing.feather()",
        "Thing heavy feather",
    ),
    "an attribute of another object": (
        "class Thing:\n    pass\nthing = Thing()\nthing.colour = 3\nresult = thing.colour",
        "Thing thing colour",
    ),
    "from a module": ("from p.tool import turn\nresult = turn(3)", "turn"),
    "from a module, under another name": ("from p.tool import turn as spin\nresult = spin(3)", "turn spin"),
    "in a function": ("def f():\n    from p.tool import turn\n    return turn(3)\nresult = f()", None),
    "of a module": ("from p import tool\nresult = tool.turn(3), tool.Screw().pitch", "turn Screw pitch"),
    "of a module under another name": ("from p import tool as t\nresult = t.turn(3), t.Screw().pitch", "turn Screw"),
    "of a module, by import as": ("import p.tool as t\nresult = t.turn(3)", "turn"),
    "from a module, under two names": ("from p.tool import turn, turn as spin\nresult = spin(3), turn(1)", "turn spin"),
    "from a module, under a name that is then another's": (
        "from p.tool import turn, turn as spin\nspin = 3\nresult = spin, turn(1)",
        "turn spin",
    ),
    "set in a module from outside": ("from p import tool\ntool.speed = 9\nresult = tool.run_on()", "speed run_on"),
    "second-hand": ("from p.second import turn\nresult = turn(3)", "turn"),
    "declared global": ("n = 1\ndef count_up():\n    global n\n    n += 1\ncount_up()\nresult = n", "count_up n"),
    "caught": (
        "class OddError(ValueError):\n    pass\ntry:\n    raise OddError(3)\nexcept OddError as odd:\n"
        "    result = odd.args",
        "OddError odd",
    ),
    "derived, over modules": (
        "from p import tool\nclass Bolt(tool.Screw):\n    def turns(self):\n        return self.pitch + self.depth()\n"
        "result = Bolt().turns()",
        "Bolt turns pitch depth Screw",
    ),
    "super": (
        "from p.tool import Screw\nclass Bolt(Screw):\n    def depth(self):\n        return 10 + super().depth()\n"
        "result = Bolt().depth()",
        "Bolt depth",
    ),
    "a method put in another's place": (
        "class Thing:\n    def one(self):\n        return 1\nkept = Thing.one\ndef other(self):\n"
        "    return kept(self) + 1\n"
        "Thing.one = other\nresult = Thing().one()",
        "Thing one kept other",
    ),
    "copied by its __dict__": (
        "class Thing:\n    def __init__(self):\n        self.weight_g = 3\n    def twin(self):\n"
        "        other = Thing()\n"
        "        other.weight_g = 4\n        for each in list(other.__dict__):\n"
        "            setattr(other, each, getattr(self, each))\n        return other\nresult = Thing().twin().weight_g",
        "weight_g twin",
    ),
    "a nonlocal one": (
        "def f():\n    held = 1\n    def g():\n        nonlocal held\n        held += 1\n        return held\n"
        "    return g()\nheld = 7\nresult = f(), held",
        None,
    ),
    "annotations": (
        "class Thing:\n    grams: int = 3\n    def more(self, by: int = 1) -> 'int':\n        n: int = by\n"
        "        return self.grams + n\nresult = Thing().more(4)",
        "Thing grams more",
    ),
}
TOOLS = {
    "p.tool": (
        "speed = 2\ndef turn(n):\n    return n * speed\ndef run_on():\n    return turn(1)\n"
        "class Screw:\n    def __init__(self):\n        self.pitch = 7\n    def depth(self):\n        return 1\n"
    ),
    "p.second": "from p.tool import turn\n",
    "p.third": "from p import tool\n",
}  # fmt: skip


@pytest.mark.parametrize("what", RENAMED)
def test_a_name_gets_a_short_one(what):
    code, gone = RENAMED[what]
    small = same({**TOOLS, "main": code})
    assert not words(small) & set((gone or "").split()), small


KEPT = {
    # the main module's code; the names that are still there
    "an attribute asked for by a text": (
        "class Thing:\n    def __init__(self):\n        self.weight = 3\nresult = getattr(Thing(), 'weight')",
        "weight",
    ),
    "one whose name is a word of some text": (
        "class Thing:\n    def weigh(self):\n        return 3\ntable = 'weigh paint'\n"
        "result = getattr(Thing(), table.split()[0])()",
        "weigh",
    ),
    "one whose name is put together": (
        "class Thing:\n    def _on_loss(self):\n        return 3\n    def _on_gain(self):\n        return 4\n"
        "result = [getattr(Thing(), '_on_' + name)() for name in ('loss', 'gain')]",
        "_on_loss _on_gain",
    ),
    "one whose name is put together of three": (
        "class Thing:\n    def loss_and_gain(self):\n        return 3\nparts = ('loss', 'gain')\n"
        "result = getattr(Thing(), '_and_'.join(parts))()",
        "loss_and_gain",
    ),
    "one whose name is formatted": (
        "class Thing:\n    def take_loss(self):\n        return 3\nresult = getattr(Thing(), 'take_%s' % 'loss')()",
        "take_loss",
    ),
    "one that begins as is known, and goes on as is told from outside": (
        "class Thing:\n    def do_go(self):\n        return 3\n    def call(self, octets):\n"
        "        return getattr(self, 'do_' + octets.decode())()\nresult = Thing().call(bytes((103, 111)))",
        "do_go",
    ),
    "one that a base class asks for": (
        "class Base:\n    def call(self, name):\n        return getattr(self, name)()\nclass Thing(Base):\n"
        "    def loss(self):\n        return 3\nresult = Thing().call('loss')",
        "loss",
    ),
    "a module's, asked for in all its names": ("def turn(n):\n    return n\nresult = globals()['turn'](3)", "turn"),
    "a package's, used as an object": (
        "import p\nimport p.tool\ndef f(m):\n    return m.tool.turn(3)\nresult = f(p)",
        "turn",
    ),
    "one that a text sets": (
        "class Thing:\n    pass\nthing = Thing()\nsetattr(thing, 'weight', 3)\nresult = thing.weight",
        "weight",
    ),
    "one that may be missing": (
        "class Thing:\n    pass\nresult = hasattr(Thing(), 'weight')\nclass Other:\n    weight = 3\n",
        "weight",
    ),
    "one that a failed look-up tells": (
        "class Thing:\n    colour = 1\nclass Other:\n    weight = 3\ndef weigh(it):\n    try:\n"
        "        return it.weight\n"
        "    except AttributeError:\n        return None\nresult = weigh(Thing()), weigh(Other())",
        "weight",
    ),
    "one of MicroPython's own types": (
        "class Bag:\n    def append(self, x):\n        self.held = x\n    def keys(self):\n        return [self.held]\n"
        "bag = Bag()\nfor each in (bag, []):\n    each.append(3)\nresult = bag.keys(), {1: 2}.get(1)",
        "append keys get",
    ),
    "one that the VM looks for": (
        "class Flash:\n    def readblocks(self, n):\n        return n\n    def ioctl(self, n):\n        return n\n"
        "result = Flash().ioctl(Flash().readblocks(2))",
        "readblocks ioctl",
    ),
    "special ones": (
        "class Thing:\n    def __len__(self):\n        return 3\n    def __hidden(self):\n        return 1\n"
        "result = len(Thing())",
        "__len__ __hidden",
    ),
    "those of a list of one's own": (
        "class Row(list):\n    def first(self):\n        return self[0]\nresult = Row([3]).first()",
        "first",
    ),
    "those of what is derived from that": (
        "class Row(list):\n    pass\nclass Short(Row):\n    def first(self):\n        return self[0]\n"
        "result = Short([3]).first()",
        "first",
    ),
    "those of a class with an unknown base": (
        "bases = [object]\nclass Thing(bases[0]):\n    def weigh(self):\n        return 3\nresult = Thing().weigh()",
        "weigh",
    ),
    "a module's, used as an object": ("from p import tool\ndef f(m):\n    return m.turn(3)\nresult = f(tool)", "turn"),
    "a module's, by import": ("import p.tool\nresult = p.tool.turn(3)", "turn"),
    "a module's, by a star": ("from p.tool import *\nresult = turn(3)", "turn"),
    "a module's, by its package": ("import p\nimport p.tool\nresult = p.tool.turn(3)", "turn"),
    "a module's at second hand": ("from p.third import tool\nresult = tool.turn(3)", "turn"),
    "a module's, by another module": ("from p import third\nresult = third.tool.turn(3)", "turn"),
    "a module's, where the name may mean something else": (
        "from p import tool\ndef f(tool):\n    return tool.turn(1)\nclass T:\n"
        "    def turn(self, n):\n        return n\n"
        "result = f(T()), f(tool)",
        "turn",
    ),
    "a builtin's, before it is another's": ("result = max(1, 2)\ndef max(a, b):\n    return a\n", "max"),
    "a class's, that was the module's": ("size = 3\nclass Thing:\n    size = size + 1\nresult = Thing.size", "size"),
    "one that is used while its class is made": (
        "class Thing:\n    base = 3\n    height = base + 1\nresult = Thing.height",
        "base",
    ),
    "a property with a setter": (
        "class Thing:\n    @property\n    def load_g(self):\n        return self.held\n    @load_g.setter\n"
        "    def load_g(self, x):\n        self.held = x\nthing = Thing()\nthing.load_g = 3\nresult = thing.load_g",
        "load_g",
    ),
    "under a decorator of another's": (
        "from functools import lru_cache\n@lru_cache\ndef count_it(n):\n    return spin(n)\n"
        "def spin(n):\n    return n\n"
        "result = count_it(2)",
        "count_it spin",
    ),
    "modules": ("from p import tool\nresult = tool.turn(3)", "tool"),
    "one that a call names": ("def f(weight=1):\n    return weight\nresult = f(weight=3)", "weight"),
    "those that a call may name": (
        "class Setup:\n    def __init__(self, weight, *, colour=1):\n        self.all = weight + colour\n"
        "result = Setup(**{'weight': 3, 'colour': 2}).all",
        "weight colour",
    ),
}


@pytest.mark.parametrize("what", KEPT)
def test_a_name_that_something_else_looks_for_is_kept(what):
    code, kept = KEPT[what]
    small = same({**TOOLS, "main": code})
    assert set(kept.split()) <= words(small), small


def test_a_name_of_a_module_that_is_found_among_the_loaded_is_kept():
    code = "import sys\ndef f():\n    return sys.modules['p.tool'].turn(1)\nresult = f"
    assert "def turn" in shrink({**TOOLS, "main": code})["p.tool"]


APART = {
    "a class and what it is derived from": (
        "class A:\n    def __init__(self):\n        self.one = 1\n        self.two = 2\nclass B(A):\n"
        "    def three(self):\n"
        "        return 3\nclass C(B):\n    def __init__(self):\n        super().__init__()\n        self.four = 4\n"
        "c = C()\nresult = c.one, c.two, c.three(), c.four"
    ),
    "set from outside on a class that has others": (
        "class A:\n    def __init__(self):\n        self.one = 1\nclass B:\n    def __init__(self):\n"
        "        self.two = 2\n"
        "def mark(x):\n    x.two = 5\na, b = A(), B()\nmark(a), mark(b)\nresult = a.one, a.two, b.two"
    ),
    "set by a nested function": (
        "class A:\n    def go(self):\n        self.one = 1\n        def inner():\n"
        "            self.two = 2\n        inner()\n"
        "        return self.one, self.two\nresult = A().go()"
    ),
    "set on something else that is called self": (
        "class A:\n    def __init__(self):\n        self.one = 1\nclass B:\n    def __init__(self):\n"
        "        self.two = 2\n"
        "    @staticmethod\n    def put(self):\n        self.three = 3\na = A()\nB.put(a)\n"
        "result = a.one, a.three, B().two"
    ),
    "a global that a class looks up while it is made": (
        "def one(f):\n    return f\ntwo = 4\nclass A:\n    def three(self):\n        return 3\n    @one\n"
        "    def four(self, n=two):\n        return n\n    def five(self, n=bytes(2)):\n        return n\n"
        "result = A().four(), A().three(), A().five()"
    ),
    "a global beside local names": (
        "def helper(_, abs, all):\n    return other(_, abs) + all\ndef other(ArithmeticError, EOFError):\n"
        "    return ArithmeticError - EOFError\nresult = helper(1, 2, 3)"
    ),
    "a builtin in use": (
        "def one(x):\n    return abs(x)\ndef two(x):\n    try:\n        return one(x) // 0\n"
        "    except ArithmeticError:\n"
        "        return any([x])\nresult = one(-3), two(4)"
    ),
    "modules that import from one another": (
        "from p.tool import turn\nfrom q import tool\nfrom q.tool import turn as back, run_on\n"
        "result = turn(2), back(2), run_on(), tool.turn(3)"
    ),
}


@pytest.mark.parametrize("what", APART)
def test_names_that_can_meet_stay_apart(what):
    small = same({**TOOLS, "q.tool": "def turn(n):\n    return -n\ndef run_on():\n    return 4\n", "main": APART[what]})
    assert not words(small) & {"one", "two", "three", "four", "five", "helper", "other", "turn", "run_on"}, small
