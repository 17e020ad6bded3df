"""Has a large module name first what it names most often.

In an .mpy a name is a number, in the order in which the compiler meets them, and numbers under 128 take one octet. The
compiler does not write what nothing can reach, but it numbers the names in it.
"""

from __future__ import annotations

import ast
import keyword
from collections import Counter

from host_tools.deploy.shrink_scopes import Scopes

ONE_OCTET = 128
TEXT_MAX = 10  # characters of a text that the compiler makes a name of (MICROPY_ALLOC_PARSE_INTERN_STRING_LEN)


def order(tree: ast.Module) -> None:
    """Put the row of names before the module's statements, where that makes it smaller."""
    count = _count(tree)
    if len(count) <= ONE_OCTET:
        return
    often = sorted(count, key=lambda name: (-count[name], name))[:ONE_OCTET]
    row: ast.expr = ast.Name("_", ast.Load())  # itself without a number: only attributes get theirs here
    for name in often:
        row = ast.Attribute(row, name, ast.Load())
    unreachable = ast.While(ast.Constant(True), [ast.Break(), ast.Expr(row)], [])
    tree.body.insert(0, ast.fix_missing_locations(unreachable))


def _count(tree: ast.Module) -> Counter[str]:
    """How often each name stands in the bytecode."""
    scopes = Scopes(tree)
    count = Counter(node.attr for node, _scope in scopes.attributes)
    for use, home in scopes.homes():
        is_local = home is not scopes.top and not home.is_class
        if not is_local or isinstance(use.node, ast.arg | ast.FunctionDef):
            count[use.name] += 1
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= TEXT_MAX:
            count[node.value] += not isinstance(scopes.parents.get(node), ast.Expr)
    return Counter({name: n for name, n in count.items() if name.isidentifier() and not keyword.iskeyword(name)})
