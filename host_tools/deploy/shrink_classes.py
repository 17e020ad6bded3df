"""The classes of a program: which attributes an object of each may have, and so which names may become the same."""

from __future__ import annotations

import ast
import builtins
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from host_tools.deploy.shrink_scopes import Scope, Scopes, owner

Find = Callable[[str, ast.expr], ast.ClassDef | None]  # module, base -> a class of the program


class Classes:
    """members: names that a class binds, or a method sets on its own object. anywhere: those set on other objects.

    unknown: those asked for that are neither. fixed: those that must stay as they are. of_module: attributes that
    belong to modules, and not to objects.
    """

    def __init__(self, all_scopes: Mapping[str, Scopes], of_module: Mapping[ast.Attribute, str], find: Find) -> None:
        self.anywhere: set[str] = set()
        self.fixed: set[str] = set()
        self.count: Counter[str] = Counter()  # name -> modules that it stands in
        self._own: dict[ast.AST, set[str]] = defaultdict(set)
        self._bases: dict[ast.AST, list[ast.ClassDef]] = {}
        strange = set()  # derived from something that is not known here
        for name, scopes in all_scopes.items():
            self.count.update({node.attr for node, _ in scopes.attributes})
            for scope in scopes.scopes:
                if isinstance(scope.node, ast.ClassDef):
                    bases = [find(name, base) for base in scope.node.bases if not _is_harmless(base, scope)]
                    self._bases[scope.node] = [base for base in bases if base is not None]
                    self._own[scope.node] |= set(scope.bound)
                    if None in bases or scope.node.keywords:
                        strange.add(scope.node)
            self._look_inside(scopes, of_module)
        self.members = {name for names in self._own.values() for name in names}
        asked = {node.attr for scopes in all_scopes.values() for node, _ in scopes.attributes if node not in of_module}
        self.unknown = asked - self.members - self.anywhere
        for node in self._bases:
            if strange & self._line(node):
                self.fixed |= self._all(node)

    def _look_inside(self, scopes: Scopes, of_module: Mapping[ast.Attribute, str]) -> None:
        for attribute, scope in scopes.attributes:
            if attribute in of_module or isinstance(attribute.ctx, ast.Load):
                continue
            found = owner(attribute.value, scope)
            if found is None:
                self.anywhere.add(attribute.attr)
            else:
                self._own[found].add(attribute.attr)

    def _line(self, node: ast.AST) -> set[ast.AST]:
        """A class and all that it is derived from."""
        line: set[ast.AST] = set()
        asked = [node]
        while asked:
            each = asked.pop()
            if each not in line:
                line.add(each)
                asked += self._bases.get(each, [])
        return line

    def _all(self, node: ast.AST) -> set[str]:
        return {name for each in self._line(node) for name in self._own[each]}

    def of_objects(self, node: ast.AST) -> set[str]:
        """The names that objects of a class may have, and of those derived from it."""
        return {name for each in self._bases if node in self._line(each) for name in self._all(each)}

    def meets(self) -> dict[str, set[str]]:
        """Name -> the names that stand beside it in some object."""
        found: dict[str, set[str]] = defaultdict(set)
        for node in self._bases:
            names = self._all(node)
            for name in names:
                found[name] |= names
        return found


def _is_harmless(base: ast.expr, scope: Scope) -> bool:
    """Whether it is one of Python's exceptions: they have few attributes, and none that a name is chosen from."""
    if not isinstance(base, ast.Name) or scope.home(base.id).bound.get(base.id):
        return False
    found = getattr(builtins, base.id, None)
    return found is object or (isinstance(found, type) and issubclass(found, BaseException))
