"""Puts the body of a function that is called in one place into that place; leaves out one that is called in none.

A function costs a device an object, an entry in a dictionary, and what its bytecode is rounded up by; each call its
arguments. What it does stays: a statement is replaced only where the function's returns can be told apart from what
follows, and a name is left alone that anything else may look up.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Mapping

from host_tools.deploy.shrink_names import Module, literal
from host_tools.deploy.shrink_program import Program
from host_tools.deploy.shrink_returns import Block, Unfit
from host_tools.deploy.shrink_site import Site
from host_tools.deploy.stock_names import STOCK

_NOT_INSIDE = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.NamedExpr, ast.Delete, ast.Match),
    *(ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Yield, ast.YieldFrom, ast.Await),
    *(ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom),
)
Inlined = tuple[set[str], Block]  # names of the variables that a function has brought, and what stands for its call
MANY = 2
SHORT = 400  # nodes of a function's tree, about as many octets of bytecode


def inline(trees: Mapping[str, ast.Module], modules: Mapping[str, Module], whole: str, keep: Collection[str]) -> None:
    """Change the trees in place. keep: names that code outside these modules looks up.

    Functions of another module than `whole` stay short: what is loaded later finds no long hole in the heap.
    """
    program = Program(trees, modules, keep)
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    used = Counter(node.attr for node in nodes if isinstance(node, ast.Attribute))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    members = Counter(each.name for node in classes for each in node.body if isinstance(each, ast.FunctionDef))
    never = {*program.fixed, *keep, *(node.name for node in nodes if isinstance(node, ast.alias))}
    never |= {node.attr for node in program.of_module}  # a module's, not an object's
    for name, tree in trees.items():
        if name in program.escaped:
            continue
        names = Counter(each.id for each in ast.walk(tree) if isinstance(each, ast.Name))
        inlined: dict[ast.FunctionDef, list[Inlined]] = {}
        for home in _homes(tree):
            for function in [each for each in home.body if isinstance(each, ast.FunctionDef)]:
                own = function.name
                if own in never or own.startswith("__") or _is_asked(program, own, home):
                    continue
                is_method = home is not tree
                if is_method:
                    count = used[own] + names[own] if members[own] == 1 and own not in STOCK else MANY
                else:
                    count = used[own] + names[own] if len(program.scopes[name].top.bound[own]) == 1 else MANY
                once = count == 1 and is_method == bool(used[own]) and _is_plain(function)
                if not count or (once and _put_in(tree, function, is_method, name == whole, inlined)):
                    home.body.remove(function)
                    if not home.body:
                        home.body.append(ast.Pass())
        for statement in list(tree.body):
            table = literal(statement)
            if table and names[table] == 1 and table not in never and not _is_asked(program, table, tree):
                tree.body.remove(statement)


def _homes(tree: ast.Module) -> list[ast.Module | ast.ClassDef]:
    return [tree, *(each for each in tree.body if isinstance(each, ast.ClassDef))]


def _is_asked(program: Program, name: str, home: ast.Module | ast.ClassDef) -> bool:
    """Whether a text in the program may look the function up."""
    asked = program.asked
    if isinstance(home, ast.Module):
        return asked.of_modules and asked.may_make(name)
    beginnings = set(asked.of_objects)
    for owner, own in asked.owners.items():
        if name in program.classes.of_objects(owner):
            beginnings |= own
    return asked.may_ask(name, beginnings)


def _is_plain(function: ast.FunctionDef) -> bool:
    arguments = function.args
    strange = (
        function.decorator_list
        or arguments.posonlyargs
        or arguments.kwonlyargs
        or arguments.vararg
        or arguments.kwarg
        or any(not isinstance(each, ast.Constant) for each in arguments.defaults)
    )
    inside = [node for statement in function.body for node in ast.walk(statement)]
    names = {node.id for node in inside if isinstance(node, ast.Name)}
    return not strange and "super" not in names and not any(isinstance(node, _NOT_INSIDE) for node in inside)


# ---- the place


def _names_around(statement: ast.stmt, inlined: list[Inlined]) -> tuple[set[str], set[str]]:
    """(variables of what has been put around the statement, those of what has been put elsewhere into its function).

    The latter are free at the statement: a function's variables begin anew wherever it stands.
    """
    around: set[str] = set()
    elsewhere: set[str] = set()
    for names, made in inlined:
        is_around = any(node is statement for each in made for node in ast.walk(each))
        (around if is_around else elsewhere).update(names)
    return around, elsewhere


def _put_in(
    tree: ast.Module,
    function: ast.FunctionDef,
    is_method: bool,
    long: bool,
    inlined: dict[ast.FunctionDef, list[Inlined]],
) -> bool:
    """Replace the one call of the function; whether that could be done. inlined: what has been put into each so far."""
    for home in _homes(tree):
        for caller in home.body:
            if not isinstance(caller, ast.FunctionDef) or caller is function:
                continue
            for block, at in _places(caller):
                call = _call_in(block[at], function.name, is_method)
                if call is not None:
                    if not long and _size(caller) + _size(function) > SHORT:
                        return False
                    before = inlined.setdefault(caller, [])
                    try:
                        site = Site(caller, function, call, is_method, _names_around(block[at], before))
                        block[at : at + 1] = made = site.instead(block[at])
                    except Unfit:
                        return False
                    before.append((site.names, made))
                    ast.fix_missing_locations(caller)
                    return True
    return False


def _size(function: ast.FunctionDef) -> int:
    return sum(1 for _ in ast.walk(function))


def _places(function: ast.FunctionDef) -> list[tuple[Block, int]]:
    """(block, index) of every statement in a function, but for those of functions in it and of endless loops.

    What an endless loop has in its own variables is never given back.
    """
    found: list[tuple[Block, int]] = []

    def look(block: Block) -> None:
        for at, statement in enumerate(block):
            found.append((block, at))
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if isinstance(statement, ast.While) and isinstance(statement.test, ast.Constant) and not _ends(statement):
                continue
            for field in ("body", "orelse", "finalbody"):
                look(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                look(handler.body)

    look(function.body)
    return found


def _ends(loop: ast.While) -> bool:
    return any(isinstance(node, ast.Return | ast.Break) for node in ast.walk(loop))


def _call_in(statement: ast.stmt, name: str, is_method: bool) -> ast.Call | None:
    """The call of that name where it is all that the statement does, or its test."""
    value = statement.value if isinstance(statement, ast.Expr | ast.Return) else None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        value = statement.value if all(isinstance(each, ast.Name) for each in names) else None
    elif isinstance(statement, ast.If):
        value = statement.test
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
            value = value.operand
    if not isinstance(value, ast.Call):
        return None
    func = value.func
    is_it = func.attr == name if isinstance(func, ast.Attribute) else isinstance(func, ast.Name) and func.id == name
    return value if is_it and isinstance(func, ast.Attribute) == is_method else None
