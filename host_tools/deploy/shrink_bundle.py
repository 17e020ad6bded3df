"""Puts the modules that one module loads anyway into that one: each module costs a device a dictionary and a file.

They run in the order in which they would have been loaded, each name under one that no other module has, and whoever
imports from them imports from the one. A module stays by itself where that could be told from outside: a package; one
that is used as an object, or set from outside; one that asks for its own name or names; one that has a star.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from host_tools.deploy.shrink_names import Module
from host_tools.deploy.shrink_program import Program
from host_tools.deploy.shrink_scopes import Scope

_OWN_NAMES = {"globals", "locals", "vars", "dir", "eval", "exec"}


def bundle(
    trees: Mapping[str, ast.Module], modules: Mapping[str, Module], root: str, keep: Collection[str]
) -> dict[str, ast.Module]:
    """The trees, `root` and what it loads as one; changed in place. As they were, where modules load one another.

    keep: names that code outside these modules looks up: a module that has one stays by itself.
    """
    program = Program(trees, modules, ())
    order = _order(program, root, set(keep))
    if len(order) < 2:
        return dict(trees)
    bundler = _Bundler(program, root, order)
    # In the order in which they run: of what several import, the first statement alone stays.
    bodies = {name: bundler.rewritten(name) for name in [*order, *(name for name in trees if name not in order)]}
    rest = {name: ast.Module(body, []) for name, body in bodies.items() if name not in order}
    whole = ast.Module([statement for name in order for statement in bodies[name]], [])
    return {name: ast.fix_missing_locations(tree) for name, tree in {**rest, root: whole}.items()}


# ---- which modules


def _order(program: Program, root: str, keep: set[str]) -> list[str]:
    """The modules of the bundle as they are loaded, root last; none where some are in a circle."""
    order: list[str] = []
    open_ones: list[str] = []

    def load(name: str) -> bool:
        open_ones.append(name)
        for source in _loads(program, name, perhaps=True):
            if source in open_ones:
                return False
        for source in _loads(program, name):
            if source in open_ones or (source not in order and _fits(program, source, keep) and not load(source)):
                return False
        order.append(open_ones.pop())
        return True

    whole = root in program.trees and _fits(program, root, keep) and load(root)
    return order if whole and not _comes_back(program, set(order)) else []


def _comes_back(program: Program, inside: set[str]) -> bool:
    """Whether a module beside the bundle that it loads would load the bundle, half made."""
    asked = [source for name in inside for source in _loads(program, name, perhaps=True)]
    seen = set(inside)
    while asked:
        name = asked.pop()
        if name not in seen:
            seen.add(name)
            further = list(_loads(program, name, perhaps=True))
            if not inside.isdisjoint(further):
                return True
            asked += further
    return False


def _loads(program: Program, name: str, *, perhaps: bool = False) -> Iterator[str]:
    """The modules of the program that a module's own statements import; perhaps: those in their blocks too."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    asked: list[ast.AST] = list(program.trees[name].body)
    while asked:
        statement = asked.pop(0)
        found: list[str] = []
        if isinstance(statement, ast.ImportFrom):
            source = program.modules[name].source_of(statement)
            found = [each for alias in statement.names for each in (source, f"{source}.{alias.name}")]
        elif isinstance(statement, ast.Import):
            found = [alias.name for alias in statement.names]
        elif perhaps and not isinstance(statement, functions):
            asked += ast.iter_child_nodes(statement)
        yield from (each for each in found if each in program.trees)


def _fits(program: Program, name: str, keep: set[str]) -> bool:
    scopes = program.scopes[name]
    if name in program.escaped or not keep.isdisjoint(scopes.top.bound):
        return False
    if any(other.startswith(name + ".") for other in program.trees):
        return False  # a package
    for use, home in scopes.homes():
        if home is scopes.top and (use.name.startswith("__") or use.name in _OWN_NAMES):
            return False
        statement = scopes.parents.get(use.node)
        if isinstance(statement, ast.Import) and isinstance(use.node, ast.alias) and "." in use.node.name:
            return False
    own = [node for node, target in program.of_module.items() if target == name]
    return all(isinstance(node.ctx, ast.Load) and node.attr in scopes.top.bound for node in own)


# ---- names and statements


class _Bundler:
    def __init__(self, program: Program, root: str, order: list[str]) -> None:
        self._program = program
        self._root = root
        self._inside = set(order)
        self._own = {statement for tree in program.trees.values() for statement in tree.body}
        self._shared: dict[str, str] = {}  # what is imported from MicroPython, by its name -> what that is
        self._done: set[str] = set()  # of those
        names = {use.name for scopes in program.scopes.values() for use in scopes.uses}
        prefix = "m"
        while any(name.startswith(prefix) for name in names):
            prefix += "_"
        self._prefixes = {name: f"{prefix}{number}_" for number, name in enumerate(order)}
        self._unbound = {
            use.name
            for name in order
            for use, home in program.scopes[name].homes()
            if home is program.scopes[name].top and use.name not in home.bound
        }

    def rewritten(self, name: str) -> list[ast.stmt]:
        """The module's statements, for the bundle or beside it."""
        scopes = self._program.scopes[name]
        pairs = list(scopes.homes())
        if name in self._inside:
            for use, home in pairs:
                if home is scopes.top and use.name in home.bound and not isinstance(use.node, ast.alias):
                    use.rename(self._inner(name, use.name))
        tree = _Rewriter(self, name, {use.node: home for use, home in pairs}).visit(self._program.trees[name])
        body: list[ast.stmt] = tree.body
        document = body[0].value if name in self._inside and body and isinstance(body[0], ast.Expr) else None
        return _gathered(body[1:] if isinstance(document, ast.Constant) else body)

    def _binding(self, module: str, name: str) -> tuple[ast.alias, ast.stmt] | None:
        """The import, one of the module's own statements, that alone binds a name; None where it is bound otherwise."""
        scopes = self._program.scopes[module]
        bindings = scopes.top.bound.get(name, [])
        statement = scopes.parents.get(bindings[0]) if len(bindings) == 1 else None
        if statement not in self._own or not isinstance(bindings[0], ast.alias):
            return None
        assert isinstance(statement, ast.stmt)
        return bindings[0], statement

    def _inner(self, module: str, name: str) -> str:
        """What a name of a module is called in the bundle: as the thing that it means, where it always means that."""
        program = self._program
        while True:
            found = self._binding(module, name)
            if found is None:
                return self._joined(module, name)
            alias, statement = found
            source = program.modules[module].source_of(statement) if isinstance(statement, ast.ImportFrom) else ""
            if source not in self._inside:
                break
            if len(program.scopes[source].top.bound.get(alias.name, [])) != 1:
                return self._joined(module, name)
            module, name = source, alias.name
        if source in program.packages:
            return self._joined(module, name)
        what = f"{source} {alias.name}"
        return (
            name
            if name not in self._unbound and self._shared.setdefault(name, what) == what
            else self._joined(module, name)
        )

    def _joined(self, module: str, name: str) -> str:
        return self._prefixes[module] + name

    def imports(self, name: str, node: ast.ImportFrom | ast.Import, homes: Mapping[ast.AST, Scope]) -> list[ast.stmt]:
        """What stands for an import in a module."""
        scopes = self._program.scopes[name]
        source = self._program.modules[name].source_of(node) if isinstance(node, ast.ImportFrom) else ""
        made: list[ast.stmt] = []
        for alias in node.names:
            local = alias.asname or alias.name.split(".")[0]
            at_top = homes.get(alias) is scopes.top and name in self._inside
            here = self._inner(name, local) if at_top else local
            target = f"{source}.{alias.name}" if source else alias.name
            if target in self._inside:
                if name not in self._inside:
                    wanted = {self._inner(target, each) for each in self._asked(name, target, local, homes[alias])}
                    made += [self._import_from(ast.alias(each, None)) for each in sorted(wanted)]
            elif source in self._inside:
                there = self._inner(source, alias.name)
                if name not in self._inside:
                    made.append(self._import_from(ast.alias(there, None if there == local else local)))
                elif here != there or not at_top:
                    made.append(ast.Assign([ast.Name(here, ast.Store())], ast.Name(there, ast.Load())))
            elif not (at_top and here == local and self._binding(name, local)):
                kept = ast.alias(alias.name, None if here == alias.name else here) if at_top else alias
                made.append(_with(node, source, kept))
            elif here not in self._done:
                self._done.add(here)
                made.append(_with(node, source, alias))
        return made

    def _asked(self, name: str, target: str, local: str, home: Scope) -> Iterator[str]:
        """The names of the module `target` that a scope of another module takes by the name that it has given it."""
        for node, scope in self._program.scopes[name].attributes:
            is_its = self._program.of_module.get(node) == target and isinstance(node.value, ast.Name)
            if is_its and ast.unparse(node.value) == local and scope.home(local) is home:
                yield node.attr

    def attribute(self, node: ast.Attribute) -> ast.expr:
        target = self._program.of_module.get(node)
        return ast.Name(self._inner(target, node.attr), ast.Load()) if target in self._inside and target else node

    def _import_from(self, alias: ast.alias) -> ast.stmt:
        return ast.ImportFrom(self._root, [alias], 0)


class _Rewriter(ast.NodeTransformer):
    def __init__(self, bundler: _Bundler, name: str, homes: Mapping[ast.AST, Scope]) -> None:
        self._bundler = bundler
        self._name = name
        self._homes = homes

    def _import(self, node: ast.ImportFrom | ast.Import) -> list[ast.stmt]:
        return _gathered(self._bundler.imports(self._name, node, self._homes)) or [ast.Pass()]

    visit_Import = _import
    visit_ImportFrom = _import

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        return self._bundler.attribute(node)


def _gathered(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements, without those that do nothing; what is imported from one module in a row is one statement."""
    made: list[ast.stmt] = []
    for statement in body:
        last = made[-1] if made else None
        if isinstance(statement, ast.ImportFrom) and isinstance(last, ast.ImportFrom):
            same = (last.module, last.level) == (statement.module, statement.level)
            if same:
                last.names += statement.names
                continue
        if not isinstance(statement, ast.Pass):
            made.append(statement)
    return made


def _with(node: ast.ImportFrom | ast.Import, source: str, alias: ast.alias) -> ast.stmt:
    return ast.ImportFrom(source, [alias], 0) if isinstance(node, ast.ImportFrom) else ast.Import([alias])
