"""Which scope each name in a module belongs to, and everything that must change with it where it is renamed."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Scope:
    """A module, class, function, lambda or comprehension: what it binds itself."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.bound: dict[str, list[ast.AST]] = defaultdict(list)  # name -> what binds it
        self.globals: set[str] = set()

    def home(self, name: str) -> Scope:
        """The scope in which a name that is used here is looked up: the module's, where no other binds it.

        A nonlocal name counts for the function's that says so: no function's own names are ever changed.
        """
        scope, inner = self, True
        while scope.parent is not None:
            if name in scope.globals:
                break
            if name in scope.bound and (inner or not scope.is_class):
                return scope
            scope, inner = scope.parent, False
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)


class Use:
    """One place where a name stands. A node of the tree holds it; an import's stands in one of its aliases."""

    def __init__(self, node: ast.AST, name: str, scope: Scope, binds: bool) -> None:
        self.node = node
        self.name = name
        self.scope = scope  # from which it is looked up
        self.binds = binds

    def rename(self, name: str) -> None:
        """Put another name in the tree in this one's place. Not for imports."""
        node = self.node
        if isinstance(node, ast.Name):
            node.id = name
        elif isinstance(node, ast.arg):
            node.arg = name
        elif isinstance(node, ast.Global):
            node.names[node.names.index(self.name)] = name
        else:
            assert isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.ExceptHandler))
            node.name = name


class Scopes(ast.NodeVisitor):
    """All scopes and uses of names in one module, in the order of the tree."""

    def __init__(self, tree: ast.Module) -> None:
        self.top = self._scope = Scope(tree, None)
        self.scopes = [self.top]
        self.uses: list[Use] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.fixed: set[str] = set()  # bound in a way that cannot be renamed
        self.parents: dict[ast.AST, ast.AST] = {}
        self.generic_visit(tree)
        for scope in self.scopes:
            for name in scope.globals:
                self.top.bound[name] += scope.bound.pop(name, [])

    def homes(self) -> Iterator[tuple[Use, Scope]]:
        for use in self.uses:
            yield use, use.scope.home(use.name)

    def generic_visit(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[child] = node
        super().generic_visit(node)

    def _use(self, node: ast.AST, name: str, binds: bool, scope: Scope | None = None) -> None:
        scope = scope or self._scope
        self.uses.append(Use(node, name, scope, binds))
        if binds:
            scope.bound[name].append(node)

    def _visit_in(self, node: ast.AST, arguments: ast.arguments | None, parts: list[ast.AST]) -> None:
        """Visit the parts in a scope of the node's own."""
        self._scope = Scope(node, self._scope)
        self.scopes.append(self._scope)
        if arguments is not None:
            for each in parameters(arguments):
                self._use(each, each.arg, True)
        for part in parts:
            self.parents[part] = node
            self.visit(part)
        assert self._scope.parent is not None
        self._scope = self._scope.parent

    def _visit_now(self, node: ast.AST, parts: list[ast.expr | None]) -> None:
        """Visit the parts in the scope that the node stands in."""
        for part in parts:
            if part is not None:
                self.parents[part] = node
                self.visit(part)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._use(node, node.name, True)
        annotations = [each.annotation for each in parameters(node.args)]
        self._visit_now(node, [*node.decorator_list, *_defaults(node.args), *annotations, node.returns])
        self._visit_in(node, node.args, list(node.body))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_now(node, _defaults(node.args))
        self._visit_in(node, node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._use(node, node.name, True)
        self._visit_now(node, [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)])
        self._visit_in(node, None, list(node.body))

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        first, *others = node.generators
        results: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._visit_now(node, [first.iter])
        self._visit_in(node, None, [first.target, *first.ifs, *others, *results])

    visit_ListComp = _visit_comprehension
    visit_SetComp = _visit_comprehension
    visit_GeneratorExp = _visit_comprehension
    visit_DictComp = _visit_comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        scope = self._scope
        while scope.parent is not None and isinstance(
            scope.node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
        ):
            scope = scope.parent
        self._use(node.target, node.target.id, True, scope)
        self._visit_now(node, [node.value])

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node, node.id, not isinstance(node.ctx, ast.Load))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.attributes.append((node, self._scope))
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._scope.globals.update(node.names)
        for name in node.names:
            self._use(node, name, True)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._use(node, node.name, True)
        self.generic_visit(node)

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.parents[alias] = node
            self._use(alias, alias.asname or alias.name.split(".")[0], True)

    visit_Import = _visit_import
    visit_ImportFrom = _visit_import

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.fixed |= {each for inner in ast.walk(node) for each in _captured(inner)}

    def visit_Match(self, node: ast.Match) -> None:
        self.fixed |= {each for inner in ast.walk(node) for each in _captured(inner)}
        self.generic_visit(node)


def owner(value: ast.expr, scope: Scope) -> ast.ClassDef | None:
    """The class whose object a method calls by its first parameter; None for any other expression."""
    if not isinstance(value, ast.Name):
        return None
    home = scope.home(value.id)
    method = home.node
    if not isinstance(method, ast.FunctionDef) or home.parent is None or not isinstance(home.parent.node, ast.ClassDef):
        return None
    if any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list):
        return None
    first = [*method.args.posonlyargs, *method.args.args][:1]
    is_first = [each.arg for each in first] == [value.id] and len(home.bound[value.id]) == 1
    return home.parent.node if is_first else None


def _captured(node: ast.AST) -> list[str]:
    found = [getattr(node, "name", None), getattr(node, "rest", None)]
    return [each for each in found if isinstance(each, str)]


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """All of a function's own."""
    stars = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _defaults(arguments: ast.arguments) -> list[ast.expr | None]:
    return [*arguments.defaults, *arguments.kw_defaults]
