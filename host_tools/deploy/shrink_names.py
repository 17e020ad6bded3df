"""What names mean in the modules of a device: which are constants, and which some code reaches in another way.

A name is judged for a whole module at once: one that is bound twice, in whatever scope, means nothing here.
"""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping

Value = int | str | bytes
TEXT_MAX = 32  # characters: a longer text is not repeated at each use

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.FloorDiv: operator.floordiv,
}


class Module:
    """One module: its tree, what it imports from the others, and the constants that it defines."""

    def __init__(self, name: str, source: str, names: Mapping[str, str]) -> None:
        self.name = name
        self.tree = ast.parse(source, filename=name)
        self.constants: dict[str, Value] = {}  # NAME = value, at top level
        self._is_package = any(other.startswith(name + ".") for other in names)
        self._bound: dict[str, set[object]] = defaultdict(set)  # name -> what binds it
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self._bound[alias.asname or alias.name].add((self.source_of(node), alias.name))
            else:
                for bound in binds(node):
                    self._bound[bound].add(node)

    def source_of(self, node: ast.ImportFrom) -> str:
        """The full name of the module that it imports from."""
        parts = self.name.split(".")
        base = parts[: len(parts) - node.level + self._is_package] if node.level else []
        return ".".join([*base, *filter(None, [node.module])])

    def imports(self) -> Iterator[tuple[ast.ImportFrom, ast.alias, str]]:
        """(statement, alias, full name of the module) of everything that is imported from a module by name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield node, alias, self.source_of(node)

    def origin(self, name: str) -> tuple[str, str] | None:
        """(module, name there) of a name that means this one import wherever it stands; None for any other name."""
        bound = list(self._bound.get(name, ()))
        return bound[0] if len(bound) == 1 and isinstance(bound[0], tuple) else None

    def origins(self, name: str) -> list[tuple[str, str]]:
        """The origin of a name, where it has one; those of all names for "*"."""
        found = [self.origin(each) for each in (list(self._bound) if name == "*" else [name])]
        return [origin for origin in found if origin is not None]

    def attributes_set(self) -> set[str]:
        """The names that it assigns as attributes: perhaps another module's."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)]
        return {node.attr for node in nodes if not isinstance(node.ctx, ast.Load)}

    def collect(self, modules: Mapping[str, Module], not_these: set[str]) -> bool:
        """Add to `constants` what can be evaluated by now; whether there was anything new."""
        before = len(self.constants)
        if "*" in self._bound:
            return False  # what that binds is not known here
        for node in self.tree.body:
            name = target(node)
            if name is None or name in not_these or len(self._bound[name]) > 1:
                continue
            assert isinstance(node, ast.Assign)
            value = self.value(node.value, modules)
            if value is not None:
                self.constants[name] = value
        return len(self.constants) > before

    def constant(self, node: ast.expr, modules: Mapping[str, Module]) -> Value | None:
        """The value of NAME or of module.NAME, where it is a constant."""
        if isinstance(node, ast.Name):
            if node.id in self.constants:
                return self.constants[node.id]
            module, name = self.origin(node.id) or ("", "")
            return modules[module].constants.get(name) if module in modules else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = ".".join(self.origin(node.value.id) or ())
            return modules[module].constants.get(node.attr) if module in modules else None
        return None

    def value(self, node: ast.expr, modules: Mapping[str, Module]) -> Value | None:
        """What an expression of constants comes to; None where it is none, or too long."""
        value: Value | None = None
        if isinstance(node, ast.Constant):
            literal = node.value
            value = literal if isinstance(literal, int | str | bytes) and not isinstance(literal, bool) else None
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = self.value(node.operand, modules)
            value = -operand if isinstance(operand, int) else None
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self.value(node.left, modules), self.value(node.right, modules)
            if isinstance(left, int) and isinstance(right, int):
                if isinstance(node.op, ast.LShift) and not 0 <= right < 64:
                    return None
                if isinstance(node.op, ast.FloorDiv) and right == 0:
                    return None
                value = int(_OPERATORS[type(node.op)](left, right))
            elif isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Add):
                value = left + right
        else:
            value = self.constant(node, modules)
        return None if isinstance(value, str | bytes) and len(value) > TEXT_MAX else value


def target(node: ast.stmt) -> str | None:
    """The NAME that a plain assignment binds, None for any other statement."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        return name if name.isupper() else None
    return None


def literal(statement: ast.stmt) -> str:
    """The name that a statement gives to a literal, and does nothing else."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return ""
    target = statement.targets[0]
    plain = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Load)
    if not isinstance(target, ast.Name) or not all(isinstance(node, plain) for node in ast.walk(statement.value)):
        return ""
    return "" if target.id.startswith("__") else target.id


def binds(node: ast.AST) -> list[str]:
    """The names that a node binds, or declares to be bound; those of `from ... import` left out."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    # Functions, classes, except clauses, captures of a match.
    name = getattr(node, "name", None)
    return [name] if isinstance(name, str) and not isinstance(node, ast.alias) else []


def reached(modules: Mapping[str, Module]) -> set[tuple[str, str]]:
    """(module, NAME) of what stays although it is constant, since some code still reaches it; "*": all of a module."""
    kept = set()
    for module in modules.values():
        for _node, alias, source in module.imports():
            if module.origin(alias.asname or alias.name) is None:
                kept |= {(source, alias.name), (f"{source}.{alias.name}", "*")}
            elif source in modules and alias.name not in modules[source].constants:
                kept.add((source, alias.name))  # perhaps something that it has imported itself
        folded = set()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                folded.add(node.value)
                target = ".".join(module.origin(node.value.id) or ())
                if target in modules and node.attr not in modules[target].constants:
                    kept.add((target, node.attr))
            elif isinstance(node, ast.Import):
                kept |= {(prefix, "*") for alias in node.names for prefix in prefixes(alias.name)}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Name) and node not in folded:
                kept.add((".".join(module.origin(node.id) or ()), "*"))
    asked = list(kept)
    while asked:  # of a module that has it from another
        source, name = asked.pop()
        for origin in modules[source].origins(name) if source in modules else ():
            further = {origin, (".".join(origin), "*")} - kept
            kept |= further
            asked += further
    return kept


def prefixes(name: str) -> list[str]:
    """A module's full name, after those of the packages that it is in."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def imported_modules(tree: ast.Module, module: Module) -> Iterator[str]:
    """The full names of what the imports in a tree may load: modules, or names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield module.source_of(node)
            for alias in node.names:
                yield f"{module.source_of(node)}.{alias.name}"
