"""Makes the firmware's sources smaller for a device, before they are compiled; they behave the same.

Constants are folded into the code that uses them, since MicroPython's own const() does so within one file only: a
shared name such as `schema.LEVEL_HELD` would cost every device a dictionary entry, a string and two look-ups at each
use. Parameters get short names, because the VM keeps the name of each one for calls by keyword. Then what one module
loads becomes part of it (shrink_bundle), what is called once part of its caller (shrink_inline), names get short ones
(shrink_rename), and the most frequent the short numbers (shrink_order). The sources stay as they are and run unchanged
on CPython.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from host_tools.deploy import shrink_bundle, shrink_inline, shrink_order, shrink_rename, shrink_texts
from host_tools.deploy.shrink_names import Module, binds, imported_modules, reached, target

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def shrink(
    sources: Mapping[str, str], *, short: bool = True, whole: str = "", keep: Collection[str] = ()
) -> dict[str, str]:
    """Module name -> source, for all modules of a device together; the same, smaller, without those then empty.

    A constant is a name in capitals that is assigned once, at top level: an integer, a short text, or an expression of
    constants. Its assignment goes, and so does its import, unless something reaches it in another way than by its name:
    nothing on a device looks a constant up.

    short: whether names become short. whole: the module of which those that it loads become part; "" for none. keep:
    names that code outside these modules looks up. Raises SyntaxError, whose filename is the module's name, and
    shrink_rename.AmbiguousError.
    """
    modules = {name: Module(name, source, sources) for name, source in sources.items()}
    not_these = {name for module in modules.values() for name in module.attributes_set()}
    while any([module.collect(modules, not_these) for module in modules.values()]):
        pass
    kept = reached(modules)
    trees = {name: _Folder(module, modules, kept).visit(module.tree) for name, module in modules.items()}
    for name, tree in trees.items():
        _pack_tables(tree)
        _without_idle_imports(tree, modules, {asked for module, asked in kept if module == name})
    if whole:
        shrink_texts.without_texts(trees)
        modules, trees = _again(shrink_bundle.bundle(trees, modules, whole, keep))
    keywords = _keywords(list(trees.values()))
    if whole:
        shrink_inline.inline(trees, modules, whole, keep)
        modules, trees = _again(trees)
    if short:
        shrink_rename.rename(trees, modules, keep)
    if keywords is not None:
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    _shorten_parameters(node, keywords)
    if whole in trees:
        shrink_order.order(trees[whole])
    wanted = {target for name, tree in trees.items() for target in imported_modules(tree, modules[name])}
    packages = {name for name in trees if any(other.startswith(name + ".") for other in trees)}
    return {
        name: ast.unparse(tree)
        for name, tree in trees.items()
        # A folder needs no __init__ to be a package on a device.
        if not _is_idle(tree) or (name in wanted and name not in packages)
    }


def _again(trees: Mapping[str, ast.Module]) -> tuple[dict[str, Module], dict[str, ast.Module]]:
    """(modules, trees) of trees that have been made anew."""
    texts = {name: ast.unparse(tree) for name, tree in trees.items()}
    modules = {name: Module(name, text, texts) for name, text in texts.items()}
    return modules, {name: module.tree for name, module in modules.items()}


def _is_idle(tree: ast.Module) -> bool:
    """Whether nothing is left but a docstring."""
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in tree.body)


# ---- constants


def _pack_tables(tree: ast.Module) -> None:
    """A table that stands in one text, a line each, is read word by word: one blank does where people like a column."""
    for node in tree.body:
        text = node.value.value if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) else None
        if isinstance(text, str) and text.startswith("\n") and text.endswith("\n"):
            assert isinstance(node, ast.Assign)
            node.value = ast.Constant(re.sub(" +", " ", text))


class _Folder(ast.NodeTransformer):
    """Rewrites one module."""

    def __init__(self, module: Module, modules: Mapping[str, Module], kept: set[tuple[str, str]]) -> None:
        self._module = module
        self._modules = modules
        self._kept = kept

    def _stays(self, name: str) -> bool:
        return not self._kept.isdisjoint({(self._module.name, name), (self._module.name, "*")})

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        name = target(node)
        if name is not None and name in self._module.constants and not self._stays(name):
            return None
        self.generic_visit(node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        source = self._modules.get(self._module.source_of(node))
        constants = source.constants if source else {}
        node.names = [
            alias
            for alias in node.names
            if alias.name not in constants
            or self._module.origin(alias.asname or alias.name) is None
            or self._stays(alias.asname or alias.name)
        ]
        return node if node.names else ast.Pass()

    def _fold(self, node: ast.expr) -> ast.expr | None:
        value = self._module.constant(node, self._modules) if isinstance(getattr(node, "ctx", None), ast.Load) else None
        if value is None:
            return None
        if isinstance(value, int) and value < 0:
            # Not a negative Constant: unparsed in -5 ** 2 it would be another number.
            return ast.copy_location(ast.UnaryOp(ast.USub(), ast.Constant(-value)), node)
        return ast.copy_location(ast.Constant(value), node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._fold(node) or node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        folded = self._fold(node)
        if folded is None:
            self.generic_visit(node)
        return folded or node


def _without_idle_imports(tree: ast.Module, modules: Mapping[str, Module], kept: set[str]) -> None:
    """Without the imports of modules that folding has left nothing to take from: such a module is then never loaded."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | kept
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom) and not node.level:
            node.names = [
                alias
                for alias in node.names
                if f"{node.module}.{alias.name}" not in modules or "*" in kept or (alias.asname or alias.name) in used
            ]
        if isinstance(node, ast.Pass) or (isinstance(node, ast.ImportFrom) and not node.names):
            tree.body.remove(node)


# ---- parameters


def _keywords(trees: list[ast.Module]) -> set[str] | None:
    """The parameter names that some call may use; None where a call with ** may name those of any function."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}
    spread = {_last_name(call.func) for call in calls if any(keyword.arg is None for keyword in call.keywords)}
    defined: dict[str, list[ast.FunctionDef | ast.ClassDef]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name].append(node)
    done: set[str] = set()
    while spread - done:
        name = (spread - done).pop()
        done.add(name)
        if name not in defined:
            if name in dir(builtins):
                continue
            return None
        for node in defined[name]:
            names |= {each.arg for inner in ast.walk(node) if isinstance(inner, ast.arguments) for each in inner.args}
            if isinstance(node, ast.ClassDef):
                spread |= {_last_name(base) for base in node.bases}
    return names


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _shorten_parameters(function: ast.FunctionDef, keywords: set[str]) -> None:
    """One letter for each parameter that no call names. A function with other scopes inside is left alone."""
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    if any(isinstance(node, _SCOPES) for node in nodes):
        return
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    # Bound by more than plain assignments: by an import, an except clause, a declaration.
    fixed = {name for node in nodes if not isinstance(node, ast.Name) for name in binds(node)}
    fixed |= {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    every = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    taken = names | fixed | every | keywords
    parameters = [each for each in function.args.args if each.arg not in keywords | fixed | {"self"}]
    letters = (letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in taken)
    short = {each.arg: letter for each, letter in zip(parameters, letters, strict=False)}
    for each in parameters:
        each.arg = short.get(each.arg, each.arg)
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = short.get(node.id, node.id)
