"""Gives the names in the modules of a device short ones, in all together, where nothing can tell the difference.

A name costs a device its octets in every file where it stands, and its place in the VM's table of names. Those of
modules, classes and attributes get names that every MicroPython has anyway, and names that never meet share one.

What keeps its name: all that MicroPython's own types and modules may have (stock_names), what a text in the program may
look up (shrink_asked), the names of a module that is used as an object, and those of a class derived from one of
MicroPython's other than an exception.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from host_tools.deploy.shrink_names import Module
from host_tools.deploy.shrink_program import Program
from host_tools.deploy.shrink_scopes import Scope, Scopes, Use
from host_tools.deploy.stock_names import STOCK

# Of each MicroPython's own names, those with a fixed number in .mpy files (static_qstr_list in py/makeqstrdata.py), the
# shortest numbers first; without those that a VM looks for in objects that a program has made.
FREE = """
_ ArithmeticError AssertionError AttributeError EOFError Ellipsis GeneratorExit ImportError IndentationError IndexError
KeyError KeyboardInterrupt LookupError MemoryError NameError NoneType NotImplementedError OverflowError RuntimeError
StopIteration SyntaxError SystemExit TypeError ValueError ZeroDivisionError abs all any append bool bytearray bytes
callable chr classmethod clear copy dict dir divmod end endswith eval exec extend find format from_bytes get getattr
globals hasattr hash id index insert int isalpha isdigit isinstance islower isspace issubclass isupper items iter join
key len list little locals lower lstrip map next object ord pop popitem pow print range repr reverse rfind rindex
round rsplit rstrip sep set setattr setdefault sort sorted split start startswith staticmethod step stop str strip sum
to_bytes tuple type update upper values zip
""".split()  # noqa: SIM905
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rename(trees: Mapping[str, ast.Module], modules: Mapping[str, Module], keep: Collection[str] = ()) -> None:
    """Rename in the trees, in place. keep: names that code outside these modules looks up.

    Raises AmbiguousError, after which the trees are of no use, where a name would then be another's.
    """
    program = Program(trees, modules, keep)
    before = {name: list(_meanings(scopes)) for name, scopes in program.scopes.items()}
    rename_globals(program)
    rename_attributes(program)
    for name, tree in trees.items():
        _compare(name, before[name], list(_meanings(Scopes(tree))))


class AmbiguousError(Exception):
    """A name cannot be told from another; one sentence says which."""


Meaning = tuple[int, bool, str]  # number of the scope, whether it binds the name, the name


def _meanings(scopes: Scopes) -> Iterator[Meaning]:
    """What each use of a name means, in the order of the tree."""
    numbers = {scope: number for number, scope in enumerate(scopes.scopes)}
    for use, home in scopes.homes():
        yield numbers[home], use.name in home.bound, use.name


def _compare(module: str, before: list[Meaning], after: list[Meaning]) -> None:
    """Whether the names still mean what they did: the same scope's, and each another than the next."""
    there: dict[Meaning, Meaning] = {}
    back: dict[Meaning, Meaning] = {}
    for one, other in zip(before, after, strict=True):
        same = one[:2] == other[:2] and (one[1] or one[2] == other[2])
        if not same or there.setdefault(one, other) != other or back.setdefault(other, one) != one:
            raise AmbiguousError(f"'{one[2]}' in {module} cannot get a short name: rename it, or build it readable")


def _short_names() -> Iterator[str]:
    yield from FREE
    for length in itertools.count(1):
        yield from ("".join(letters) for letters in itertools.product(_LETTERS, repeat=length))


# ---- the names of modules


def rename_globals(program: Program) -> None:
    """One short name for what is one thing: a module's name, and the names that others import it by."""
    groups = _Groups()
    homes = {name: list(scopes.homes()) for name, scopes in program.scopes.items()}
    taken: dict[str, set[str]] = defaultdict(set)
    for name in program.packages:
        package, _, module = name.rpartition(".")
        taken[package].add(module)
    for name, pairs in homes.items():
        scopes = program.scopes[name]
        for use, home in pairs:
            taken[name].add(use.name)
            if home is scopes.top and use.name in home.bound:
                groups.join((name, use.name), (name, use.name))
            if isinstance(use.node, ast.alias) and isinstance(scopes.parents[use.node], ast.ImportFrom):
                statement = scopes.parents[use.node]
                assert isinstance(statement, ast.ImportFrom)
                source = program.modules[name].source_of(statement)
                if source in program.packages:
                    taken[source].add(use.node.name)
                    groups.join((source, use.node.name), (source, use.node.name))
                    if home is scopes.top:
                        groups.join((name, use.name), (source, use.node.name))
        for node, target in program.of_module.items():
            taken[target].add(node.attr)
    new: dict[tuple[str, str], str] = {}
    ready = [members for members in groups.all() if _may_rename(program, members)]
    for members in sorted(ready, key=lambda each: (-len({module for module, _ in each}), sorted(each))):
        places = {module for module, _ in members}
        short = next(each for each in _short_names() if not any(each in taken[place] for place in places))
        for place in places:
            taken[place].add(short)
        new.update(dict.fromkeys(members, short))
    for name, pairs in homes.items():
        _put_globals(program, name, pairs, new)


def _may_rename(program: Program, members: Collection[tuple[str, str]]) -> bool:
    for module, name in members:
        if name in program.fixed or name.startswith("__") or hasattr(builtins, name):
            return False
        if program.asked.of_modules and (program.asked.may_make(name) or name in program.classes.unknown):
            return False
        if module not in program.scopes or module in program.escaped or f"{module}.{name}" in program.packages:
            return False
        scopes = program.scopes[module]
        bindings = scopes.top.bound.get(name, [])
        if not bindings:
            return False
        for binding in bindings:
            statement = scopes.parents.get(binding)
            if isinstance(binding, ast.alias):
                if not isinstance(statement, ast.ImportFrom):
                    return False
                if binding.asname is None and program.modules[module].source_of(statement) not in program.packages:
                    return False  # its own name stands there anyway
    return True


def _put_globals(
    program: Program, name: str, pairs: list[tuple[Use, Scope]], new: Mapping[tuple[str, str], str]
) -> None:
    scopes = program.scopes[name]
    for use, home in pairs:
        short = new.get((name, use.name)) if home is scopes.top else None
        if not isinstance(use.node, ast.alias):
            if short is not None:
                use.rename(short)
            continue
        statement = scopes.parents[use.node]
        if isinstance(statement, ast.ImportFrom):
            there = new.get((program.modules[name].source_of(statement), use.node.name), use.node.name)
            here = short or use.name
            use.node.name = there
            use.node.asname = None if here == there else here
    for node, target in program.of_module.items():
        if node in scopes.parents:
            node.attr = new.get((target, node.attr), node.attr)


# ---- attributes


def rename_attributes(program: Program) -> None:
    """Names that no object can have both may become the same."""
    classes = program.classes
    known = classes.members | classes.anywhere
    fixed = program.fixed | STOCK | classes.fixed
    fixed |= {name for name in known if program.asked.may_ask(name, program.asked.of_objects)}
    for owner, beginnings in program.asked.owners.items():
        fixed |= {name for name in classes.of_objects(owner) if program.asked.may_ask(name, beginnings)}
    ready = {name for name in known - fixed if not name.startswith("__") and not name.isupper()}
    taken = program.fixed | (known | set(classes.count)) - ready
    # What is looked up while a class is made must not meet what the class binds.
    for scopes in program.scopes.values():
        loads = [use.node for use, home in scopes.homes() if use.scope.is_class and not home.is_class]
        taken |= {node.id for node in loads if isinstance(node, ast.Name)}
    meets = classes.meets()

    beginnings = program.asked.beginnings()
    new: dict[str, str] = {}
    for name in sorted(ready, key=lambda each: (-classes.count[each], each)):
        others = ready if name in classes.anywhere else meets[name] | classes.anywhere
        used = taken | {new[other] for other in others if other in new}
        free = (each for each in _short_names() if each not in used)
        new[name] = next(each for each in free if not program.asked.may_ask(each, beginnings))
    for scopes in program.scopes.values():
        for node, _scope in scopes.attributes:
            if node not in program.of_module:
                node.attr = new.get(node.attr, node.attr)
        for use, home in list(scopes.homes()):
            if home.is_class and use.name in new:
                use.rename(new[use.name])


class _Groups:
    """Sets of (module, name) that are joined two by two; a set never holds two names of one module."""

    def __init__(self) -> None:
        self._group: dict[tuple[str, str], dict[str, str]] = {}

    def join(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        first, second = (self._group.setdefault(key, {key[0]: key[1]}) for key in (one, other))
        if first is not second and first.keys().isdisjoint(second):
            first.update(second)
            self._group.update(dict.fromkeys(second.items(), first))

    def all(self) -> list[list[tuple[str, str]]]:
        groups = {id(group): group for group in self._group.values()}
        return [list(group.items()) for group in groups.values()]
