"""A program of several modules: what its names mean together, and which of them must stay as they are."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from host_tools.deploy.shrink_asked import Asked
from host_tools.deploy.shrink_classes import Classes
from host_tools.deploy.shrink_names import Module, prefixes
from host_tools.deploy.shrink_scopes import Scopes, Use

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Program:
    """All modules, and which of their names stay as they are.

    of_module: the attributes that are a module's own names, each with that module. escaped: modules that something else
    than their name reaches. fixed: names that stay, of modules and of objects alike.
    """

    def __init__(self, trees: Mapping[str, ast.Module], modules: Mapping[str, Module], keep: Collection[str]) -> None:
        self.trees = trees
        self.modules = modules
        self.scopes = {name: Scopes(tree) for name, tree in trees.items()}
        self.packages = {prefix for name in trees for prefix in prefixes(name)}
        self.fixed = set(keep)
        for scopes in self.scopes.values():
            self.fixed |= scopes.fixed
            # Used while a class is made that binds it: the class's own, or the module's, as the order has it.
            self.fixed |= {use.name for use, home in scopes.homes() if home.is_class and _only_uses(use)}
        self.escaped: set[str] = set()
        self.of_module: dict[ast.Attribute, str] = {}
        self._find_foreign()
        for name in trees:
            self._find_modules(name)
        # With a package, all that can be reached by way of it.
        self.escaped |= {name for name in trees if not self.escaped.isdisjoint(prefixes(name))}
        for name in self.escaped & set(trees):
            self.fixed |= set(self.scopes[name].top.bound) | set(name.split("."))
        self.classes = Classes(self.scopes, self.of_module, self.find_class)
        self.asked = Asked(self.scopes)
        self.fixed |= self.asked.names

    # ---- what keeps its name

    def _find_foreign(self) -> None:
        """Names in what is no plain Python, under a decorator of MicroPython's own; attributes asked for in vain."""
        for name, tree in self.trees.items():
            imported = {
                alias.asname or alias.name
                for _n, alias, source in self.modules[name].imports()
                if source not in self.packages
            }
            imported |= {
                (alias.asname or alias.name).split(".")[0]
                for node in ast.walk(tree)
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            for node in ast.walk(tree):
                if isinstance(node, _DEFINITIONS) and any(_root(each) in imported for each in node.decorator_list):
                    self.fixed |= {each for inner in ast.walk(node) for each in _names(inner)}
                elif isinstance(node, ast.Try) and any(_catches_attribute_error(each) for each in node.handlers):
                    body = [inner for statement in node.body for inner in ast.walk(statement)]
                    self.fixed |= {inner.attr for inner in body if isinstance(inner, ast.Attribute)}

    def _find_modules(self, name: str) -> None:
        """Which attributes in this module are other modules' names, and which modules escape."""
        scopes = self.scopes[name]
        module = self.modules[name]
        for use, home in scopes.homes():
            node = use.node
            if isinstance(node, ast.alias):
                statement = scopes.parents[node]
                if isinstance(statement, ast.Import):
                    continue
                assert isinstance(statement, ast.ImportFrom)
                source = module.source_of(statement)
                if node.name == "*":
                    self.escaped |= {name, source}
                elif f"{source}.{node.name}" not in self.packages:
                    self._escape_of(source, node.name)
                continue
            targets = {self.imported(name, scopes, binding) for binding in home.bound.get(use.name, ())}
            reached = targets & self.packages
            parent = scopes.parents.get(node)
            if not reached:
                continue
            if len(targets) > 1 or not isinstance(parent, ast.Attribute):
                self.escaped |= reached
                continue
            (target,) = reached
            self.of_module[parent] = target
            self._escape_of(target, parent.attr)

    def imported(self, name: str, scopes: Scopes, binding: ast.AST) -> str:
        """The full name of what an import binds; "" for anything else."""
        if not isinstance(binding, ast.alias):
            return ""
        statement = scopes.parents[binding]
        if not isinstance(statement, ast.ImportFrom):
            return binding.name if binding.asname else binding.name.split(".")[0]
        return f"{self.modules[name].source_of(statement)}.{binding.name}"

    def _escape_of(self, source: str, name: str) -> None:
        """Something has taken `name` of the module `source`: where that is a module, it is used as an object."""
        if f"{source}.{name}" in self.packages:
            self.escaped.add(f"{source}.{name}")
        elif source in self.scopes:
            for binding in self.scopes[source].top.bound.get(name, ()):
                target = self.imported(source, self.scopes[source], binding)
                if target in self.packages:
                    self.escaped.add(target)

    def find_class(self, module: str, base: ast.expr) -> ast.ClassDef | None:
        """The class of the program that an expression means, where it can be no other."""
        name = base.id if isinstance(base, ast.Name) else ""
        if isinstance(base, ast.Attribute):
            module, name = self.of_module.get(base, ""), base.attr
        seen = set()
        while module in self.scopes and (module, name) not in seen:
            seen.add((module, name))
            bindings = self.scopes[module].top.bound.get(name, [])
            if len(bindings) != 1:
                return None
            if isinstance(bindings[0], ast.ClassDef):
                return bindings[0]
            module, _, name = self.imported(module, self.scopes[module], bindings[0]).rpartition(".")
        return None


def _only_uses(use: Use) -> bool:
    return isinstance(use.node, ast.alias) or not use.binds


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.AST) -> list[str]:
    found = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
    return [each for each in found if isinstance(each, str)]


def _catches_attribute_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id == "AttributeError" for each in kinds)
