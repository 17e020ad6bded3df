"""What a board's adapter asks of MicroPython, read from its source: the list that a real board is asked for.

An instance is followed from where it is made (`self._poll = select.poll()`) or from a parameter's annotation
(`uart: "UART"`, `adc: "type[ADC]"`) to what is used of it. An attribute is written as the device can look it up:
`machine.Pin.IRQ_RISING`, `machine.UART.any`, `select.poll().ipoll`. `python -m host_tools.boards.attributes
BOARD` prints the script that asks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from host_tools.boards import load
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.locate import root

STARTS = ("hub_board", "rig_main")  # of a hub, of a fixture board
_INSTANCE_BY_CALL = {"select.poll"}  # a function on a device, where other kinds of object are classes

_PROBE = """\
def has(name):
    parts = name.split(".")
    found = __import__(parts[0])
    for part in parts[1:]:
        found = getattr(found, part[:-2])() if part.endswith("()") else getattr(found, part)
for name in {names!r}:
    try:
        has(name)
    except (ImportError, AttributeError):
        print("MISSING", name)
print("ASKED", {count})
"""


def adapter(board: str) -> dict[str, Path]:
    """Module -> file of all that an adapter is made of: hub_board and what it imports of its own folder and of common/.

    Of a fixture board it starts at rig_main. Raises KeyError where the board has neither.
    """
    return adapter_in(root("boards"), board)


def adapter_in(boards: Path, board: str) -> dict[str, Path]:
    """The same, of the boards in that folder. A file that is no Python imports nothing."""
    folders = (boards / "common", boards / board)
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.py"))}
    reached: dict[str, Path] = {}
    waiting = [next((name for name in STARTS if name in files), STARTS[0])]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached[module] = files[module]
            waiting += [name for name in _imported(files[module]) if name in files]
    return dict(sorted(reached.items()))


def attributes(board: str) -> list[str]:
    """The attributes of MicroPython's own modules that an adapter uses, in order."""
    files = adapter(board)
    return sorted({name for path in files.values() for name in used(path.read_text(encoding="utf-8"), files)})


def probe(names: list[str]) -> str:
    """A script for the board: prints `MISSING name` for each that it has not, and at last `ASKED count`."""
    return _PROBE.format(names=tuple(names), count=len(names))


def used(source: str, project: object = ()) -> set[str]:
    """The attributes of modules outside `project` (a container of module names; chf is one) that a source uses."""
    module = _Module(ast.parse(source), project)
    module.read()
    return module.found


def _imported(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


class _Module:
    def __init__(self, tree: ast.Module, project: object) -> None:
        self._tree = tree
        self._project = project
        self._names: dict[str, str] = {}  # what a name of this module stands for
        self.found: set[str] = set()

    def read(self) -> None:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(alias.name, alias.asname or alias.name, alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self._import(node.module, alias.asname or alias.name, f"{node.module}.{alias.name}")
        functions = (ast.FunctionDef, ast.Lambda)
        for node in self._tree.body:
            if isinstance(node, ast.ClassDef):
                methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
                own: dict[str, str] = {}
                for method in methods:  # what the instance keeps may be set anywhere
                    self._scope(method, own)
                for method in methods:
                    self._scope(method, own)
            elif isinstance(node, functions):
                self._scope(node, {})
            else:
                self._walk(node, dict(self._names), {})

    def _import(self, module: str, name: str, stands_for: str) -> None:
        if module.split(".")[0] == "chf" or module in self._project:  # type: ignore[operator]
            return
        self._names[name] = stands_for
        if stands_for != module:
            self.found.add(stands_for)

    def _scope(self, function: ast.FunctionDef | ast.Lambda, own: dict[str, str]) -> None:
        names = dict(self._names)
        for parameter in function.args.args:
            names.pop(parameter.arg, None)
            if isinstance(parameter.annotation, ast.Constant):
                annotated = str(parameter.annotation.value).removeprefix("type[").removesuffix("]")
                if annotated in self._names:
                    names[parameter.arg] = self._names[annotated]
        self._walk(function, names, own)

    def _walk(self, top: ast.AST, names: dict[str, str], own: dict[str, str]) -> None:
        """Learn what the assignments bind, then note every attribute that is looked up."""
        for node in ast.walk(top):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                value = self._resolve(node.value, names, own)
                target = node.targets[0]
                if value and isinstance(target, ast.Name):
                    names[target.id] = value
                elif value and isinstance(target, ast.Attribute) and _is_self(target.value):
                    own[target.attr] = value
        for node in ast.walk(top):
            if isinstance(node, ast.Attribute):
                name = self._resolve(node, names, own)
                if name:
                    self.found.add(name)

    def _resolve(self, node: ast.expr, names: dict[str, str], own: dict[str, str]) -> str | None:
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if isinstance(node, ast.Attribute):
            if _is_self(node.value):
                return own.get(node.attr)
            value = self._resolve(node.value, names, own)
            return f"{value}.{node.attr}" if value else None
        if isinstance(node, ast.Call):
            made = self._resolve(node.func, names, own)
            if made in _INSTANCE_BY_CALL:
                return f"{made}()"
            if made and made.rpartition(".")[2][:1].isupper():
                return made  # a class: what its instances have, it has
        return None


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m host_tools.boards.attributes BOARD", file=sys.stderr)
        return EXIT_USAGE
    try:
        print(probe(attributes(load(arguments[0]).name)), end="")
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
