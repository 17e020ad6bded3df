"""Makes the firmware's sources smaller for a device, before they are compiled; they behave the same.

Constants are folded into the code that uses them, since MicroPython's own const() does so within one file only: a
shared name such as `schema.LEVEL_HELD` would cost every device a dictionary entry, a string and two look-ups at each
use. And parameters get short names, because the VM keeps the name of each one for calls by keyword. The sources stay as
they are and run unchanged on CPython.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

Value = int | str | bytes
Constants = dict[str, Value]  # NAME = value, at a module's top level
TEXT_MAX = 32  # characters: a longer text is not repeated at each use

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.FloorDiv: operator.floordiv,
}


def shrink(sources: Mapping[str, str]) -> dict[str, str]:
    """Module name -> source, for all modules of a device together; the same, smaller, without those then empty.

    A constant is a name in capitals that is assigned once, at top level: an integer, a short text, or an expression of
    constants. Its assignment goes, and so does its import: nothing on a device looks a constant up by its name.
    """
    trees = {name: ast.parse(source) for name, source in sources.items()}
    known: dict[str, Constants] = {name: {} for name in trees}
    while any([_collect(tree, known[name], known) for name, tree in trees.items()]):
        pass
    folded = {name: _Folder(tree, known[name], known).visit(tree) for name, tree in trees.items()}
    calls = [node for tree in folded.values() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    keywords = {keyword.arg for call in calls for keyword in call.keywords}
    # Called with **: all of its parameters' names count.
    spread = {_called(call) for call in calls if any(keyword.arg is None for keyword in call.keywords)}
    for tree in folded.values():
        _without_idle_imports(tree, known)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in spread:
                inside = [inner for inner in ast.walk(node) if isinstance(inner, ast.arguments)]
                keywords |= {each.arg for arguments in inside for each in arguments.args}
            elif isinstance(node, ast.FunctionDef) and node.name in spread:
                keywords |= {each.arg for each in node.args.args}
    for tree in folded.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                _shorten_parameters(node, keywords)
    return {name: ast.unparse(tree) for name, tree in folded.items() if not _is_idle(tree)}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _is_idle(tree: ast.Module) -> bool:
    """Whether nothing is left but a docstring: a folder needs no __init__ to be a package on a device."""
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in tree.body)


def _collect(tree: ast.Module, own: Constants, known: Mapping[str, Constants]) -> bool:
    """Add to `own` what can be evaluated by now; whether there was anything new."""
    before = len(own)
    names = {**_imported(tree, known), **own}
    for node in tree.body:
        name = _target(node)
        if name is not None and isinstance(node, ast.Assign):
            value = _value(node.value, names)
            if value is not None:
                own[name] = names[name] = value
    return len(own) > before


def _target(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        return name if name.isupper() else None
    return None


def _imported(tree: ast.Module, known: Mapping[str, Constants]) -> Constants:
    """The constants that this module imports by name."""
    found: Constants = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            constants = known.get(node.module or "", {})
            for alias in node.names:
                if alias.name in constants:
                    found[alias.asname or alias.name] = constants[alias.name]
    return found


def _value(node: ast.expr, names: Mapping[str, Value]) -> Value | None:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, (str, bytes)):
            return node.value if len(node.value) <= TEXT_MAX else None
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, names)
        return -value if isinstance(value, int) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, names), _value(node.right, names)
        if isinstance(left, int) and isinstance(right, int):
            return int(_OPERATORS[type(node.op)](left, right))
        if isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Add):
            return left + right
    return None


def _shorten_parameters(function: ast.FunctionDef, keywords: set[str | None]) -> None:
    """One letter for each parameter that no call names. A function with others inside is left alone."""
    nodes = list(ast.walk(function))
    if any(isinstance(node, (ast.FunctionDef, ast.Lambda)) for node in nodes[1:]):
        return
    parameters = [each for each in function.args.args if each.arg not in keywords and each.arg != "self"]
    taken = {node.id for node in nodes if isinstance(node, ast.Name)} | {each.arg for each in function.args.args}
    letters = iter([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in taken])
    short = {each.arg: letter for each, letter in zip(parameters, letters, strict=False)}
    for each in parameters:
        each.arg = short.get(each.arg, each.arg)
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = short.get(node.id, node.id)


def _without_idle_imports(tree: ast.Module, known: Mapping[str, Constants]) -> None:
    """Without the imports of modules that folding has left nothing to take from: such a module is then never loaded."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom):
            node.names = [
                alias
                for alias in node.names
                if f"{node.module}.{alias.name}" not in known or (alias.asname or alias.name) in used
            ]
            if not node.names:
                tree.body.remove(node)


class _Folder(ast.NodeTransformer):
    """Rewrites one module."""

    def __init__(self, tree: ast.Module, own: Constants, known: Mapping[str, Constants]) -> None:
        self._own = own
        self._known = known
        self._names = {**_imported(tree, known), **own}
        self._modules = {}  # alias -> module name
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if f"{node.module}.{alias.name}" in known:
                        self._modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = [each for each in node.body if _target(each) not in self._own]
        self.generic_visit(node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        constants = self._known.get(node.module or "", {})
        node.names = [alias for alias in node.names if alias.name not in constants]
        return node if node.names else None

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._names:
            return ast.copy_location(ast.Constant(self._names[node.id]), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            constants = self._known.get(self._modules.get(node.value.id, ""), {})
            if node.attr in constants:
                return ast.copy_location(ast.Constant(constants[node.attr]), node)
        self.generic_visit(node)
        return node
