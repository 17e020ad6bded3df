"""Which names of a program a text in it may look up while it runs, by getattr() and its like: they stay as they are."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from host_tools.deploy.shrink_scopes import Scope, Scopes, Use, owner

PIECE_MIN = 3  # letters of a word of which the program may put a longer name together
_BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}
_SHOW_ALL = {"vars", "globals", "locals", "eval", "exec", "compile", "dir", "__import__"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Asked:
    """names: asked for by a literal, of whatever object.

    Of a name that is made at run time the part is known that it begins with, perhaps "". of_objects: those of which any
    object is asked; owners: those of which a class's own objects are. of_modules: whether a module is asked so.
    """

    def __init__(self, all_scopes: Mapping[str, Scopes]) -> None:
        self.names: set[str] = set()
        self.owners: dict[ast.ClassDef, set[str]] = defaultdict(set)
        self.of_objects: set[str] = set()
        self.of_modules = False
        self._words: set[str] = {"_"}
        for scopes in all_scopes.values():
            self._find_words(scopes.top.node)
            for use, home in scopes.homes():
                if use.name in _BY_NAME | _SHOW_ALL | {"type"} and use.name not in home.bound:
                    self._find_call(use, scopes)
            for node, scope in scopes.attributes:
                if node.attr == "__dict__" and _loop_over(node, scopes) is None:
                    self._anything()
                elif _is_modules(node, scope):
                    self.of_modules = True
        self._pieces = {word for word in self._words if len(word) >= PIECE_MIN} | {"_"}

    def may_ask(self, name: str, beginnings: Collection[str]) -> bool:
        """Whether it may be asked for: what begins so; of what begins in no known way, what the texts can make."""
        return any(name.startswith(each) if each else self.may_make(name) for each in beginnings)

    def beginnings(self) -> set[str]:
        """All of them."""
        return self.of_objects.union(*self.owners.values())

    def may_make(self, name: str) -> bool:
        """Whether it is a word of the program's texts, or can be put together of them."""
        ends = {0}
        for end in range(1, len(name) + 1):
            if any(name[start:end] in self._pieces for start in ends):
                ends.add(end)
        return name in self._words or len(name) in ends

    def _find_words(self, tree: ast.AST) -> None:
        documents = set()
        for node in ast.walk(tree):
            first = node.body[0] if isinstance(node, _DOCUMENTED) and node.body else None
            if isinstance(first, ast.Expr):
                documents.add(first.value)
            text = node.value if isinstance(node, ast.Constant) and node not in documents else None
            if isinstance(text, bytes):
                text = text.decode("latin-1")
            if isinstance(text, str):
                self._words.update(re.findall(r"\w+", text))
                for field in re.findall(r"\{\w*[.\[]([^{}]*)", text):  # "{0.name}".format(...)
                    self.names.update(re.findall(r"\w+", field))

    def _find_call(self, use: Use, scopes: Scopes) -> None:
        call = scopes.parents[use.node]
        if not isinstance(call, ast.Call) or call.func is not use.node:
            if use.name != "type":
                self._anything()
            return
        if use.name not in _BY_NAME:
            if use.name != "type" or len(call.args) > 1:
                self._anything()
            return
        if len(call.args) < 2 or any(isinstance(each, ast.Starred) for each in call.args):
            self._anything()
            return
        thing, name = call.args[:2]
        if isinstance(name, ast.Constant):
            self.names.add(str(name.value))
        elif not _is_from_dict(name, use.scope, scopes):
            self._find_computed(thing, _beginning(name), use.scope)

    def _find_computed(self, thing: ast.expr, beginning: str, scope: Scope) -> None:
        found = owner(thing, scope)
        if found is not None:
            self.owners[found].add(beginning)
        elif isinstance(thing, ast.Subscript) and _is_modules(thing.value, scope):
            self.of_modules = True
        else:
            self.of_objects.add(beginning)

    def _anything(self) -> None:
        self.of_objects.add("")
        self.of_modules = True


def _beginning(name: ast.expr) -> str:
    """What a name that is put together begins with: 'on_' + x, 'on_%s' % x, f'on_{x}'; "" where that is not known."""
    while isinstance(name, ast.BinOp | ast.JoinedStr) and (isinstance(name, ast.BinOp) or name.values):
        is_format = isinstance(name, ast.BinOp) and isinstance(name.op, ast.Mod)
        name = name.left if isinstance(name, ast.BinOp) else name.values[0]
        if is_format:
            return name.value.split("%")[0] if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def _is_modules(node: ast.expr, scope: Scope) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr != "modules" or not isinstance(node.value, ast.Name):
        return False
    bindings = scope.home(node.value.id).bound.get(node.value.id, [])
    return any(isinstance(each, ast.alias) and each.name == "sys" for each in bindings)


def _is_from_dict(name: ast.expr, scope: Scope, scopes: Scopes) -> bool:
    """Whether it is the variable of a loop over an object's own __dict__: the names there are those in the end."""
    if not isinstance(name, ast.Name):
        return False
    bindings = scope.home(name.id).bound.get(name.id, [])
    loop = scopes.parents.get(bindings[0]) if len(bindings) == 1 else None
    if not isinstance(loop, ast.For) or loop.target is not bindings[0]:
        return False
    return any(_loop_over(node, scopes) is loop for node in ast.walk(loop.iter) if isinstance(node, ast.Attribute))


def _loop_over(node: ast.Attribute, scopes: Scopes) -> ast.For | None:
    """The loop `for name in thing.__dict__`, or list(thing.__dict__), that the attribute stands in."""
    child: ast.AST = node
    parent = scopes.parents.get(child)
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in ("list", "sorted"):
        child, parent = parent, scopes.parents.get(parent)
    found = isinstance(parent, ast.For) and parent.iter is child and node.attr == "__dict__"
    return parent if found and isinstance(parent, ast.For) else None
