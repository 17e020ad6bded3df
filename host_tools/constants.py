"""Folds the firmware's integer constants into the code that uses them, before it is compiled for a device.

MicroPython's own const() folds within one file only. A shared name such as `schema.LEVEL_HELD` would cost every device a
dictionary entry, a string, and two look-ups at each use. The sources stay as they are and run unfolded on CPython.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

Constants = dict[str, int]  # NAME = integer, at a module's top level

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.FloorDiv: operator.floordiv,
}


def fold(sources: Mapping[str, str]) -> dict[str, str]:
    """Module name -> source, for all modules of a device together; returns the same with constants folded.

    A constant is a name in capitals that is assigned once, at top level, an integer or an expression of constants. Its
    assignment goes, and so does its import: nothing on a device looks a constant up by its name.
    """
    trees = {name: ast.parse(source) for name, source in sources.items()}
    known: dict[str, Constants] = {name: {} for name in trees}
    while any([_collect(tree, known[name], known) for name, tree in trees.items()]):
        pass
    folded = {name: _Folder(tree, known[name], known).visit(tree) for name, tree in trees.items()}
    return {name: ast.unparse(_without_idle_imports(tree, known)) for name, tree in folded.items()}


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
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                if alias.name in known[node.module]:
                    found[alias.asname or alias.name] = known[node.module][alias.name]
    return found


def _value(node: ast.expr, names: Mapping[str, int]) -> int | None:
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, names), _value(node.right, names)
        return None if left is None or right is None else int(_OPERATORS[type(node.op)](left, right))
    return None


def _without_idle_imports(tree: ast.Module, known: Mapping[str, Constants]) -> ast.Module:
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
    return tree


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
