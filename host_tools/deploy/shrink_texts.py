"""Takes out of a program what nobody on a device reads: the texts of its ValueErrors.

An error ends in a handler that does without its text, or is printed as the device restarts: whoever reads that has the
readable build.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

_CAUGHT_BY = {"ValueError", "Exception", "BaseException"}
_PURE = {"next", "len", "str", "repr"}


def without_texts(trees: Mapping[str, ast.Module]) -> None:
    """Change the trees in place; nothing where some handler may read the text of a ValueError."""
    if any(_reads(handler) for tree in trees.values() for handler in _handlers(tree)):
        return
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and not node.cause:
                call = node.exc
                is_one = isinstance(call.func, ast.Name) and call.func.id == "ValueError" and not call.keywords
                if is_one and all(_is_pure(each) for each in call.args):
                    node.exc = call.func


def _is_pure(node: ast.expr) -> bool:
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    return all(isinstance(each.func, ast.Name) and each.func.id in _PURE for each in calls)


def _handlers(tree: ast.Module) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.name is not None:
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            # Of another name it may be a class that is derived from it: what such a one says stays.
            if any(isinstance(each, ast.Name) and each.id in _CAUGHT_BY for each in kinds):
                yield node


def _reads(handler: ast.ExceptHandler) -> bool:
    """Whether a handler does more with the error than print it, or ask what it is and then use it as that."""
    harmless: set[ast.AST] = set()
    for statement in handler.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.IfExp) and _is_question(node.test, handler.name):
                harmless |= {*ast.walk(node.test), *ast.walk(node.body)}
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.print_exception":
                harmless |= set(ast.walk(node))
    names = [node for each in handler.body for node in ast.walk(each) if isinstance(node, ast.Name)]
    return any(node.id == handler.name and node not in harmless for node in names)


def _is_question(test: ast.expr, name: str | None) -> bool:
    """Whether it asks for a class of the program's own."""
    if not isinstance(test, ast.Call) or not isinstance(test.func, ast.Name) or test.func.id != "isinstance":
        return False
    subject, kind = test.args
    return isinstance(subject, ast.Name) and subject.id == name and ast.unparse(kind) not in _CAUGHT_BY
