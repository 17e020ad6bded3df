"""Checks types with mypy, firmware and boards against each board's MicroPython stubs: `python -m tests.check_types`.

The stubs shadow the standard library, so each board's lie in a folder of their own, build/stubs/BOARD, and the host
code is checked in a run that does not see them. A stub names two kinds of attribute: what was found on a board
(`Final[int] = 3`, a function), and what only the documentation has (`Incomplete`, or a constant that is not Final).
The second may not be there; mypy takes both, so what an adapter uses of the second is refused here.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tasks
from host_tools.boards import fixture, load
from host_tools.boards.attributes import adapter, attributes

BUILD = tasks.ROOT / "build"
VIRTUAL = "virtual"
HOST_CODE = ("host_tools", "tasks.py", "tests/run.py", "tests/check_types.py")
# hub_board: main.py's name for the board's own adapter, which is checked under boards/.
# strict_optional: what exists for a while only is None before, and asserts that say so would cost the device bytes.
CONFIG = """[mypy]
custom_typeshed_dir = {stubs}
mypy_path = {stubs},{firmware},{common},{board}
follow_imports = silent
follow_imports_for_stubs = True
explicit_package_bases = True
check_untyped_defs = True
strict_optional = False
warn_redundant_casts = True
warn_unused_ignores = True

[mypy-hub_board,chf.wire.framer_viper]
ignore_missing_imports = True
"""


def install_stubs(board: str, requirements: list[str]) -> Path:
    """The folder with a board's stubs, installed anew where pyproject.toml pins others."""
    folder = BUILD / "stubs" / board
    stamp = folder.with_suffix(".stamp")
    with tasks.lock():
        if not tasks.fresh(stamp, requirements):
            shutil.rmtree(folder, ignore_errors=True)
            tasks.install(requirements, "--target", str(folder))
            stamp.write_text(tasks.stamp_text(requirements))
    return folder


def mypy(name: str, *arguments: str) -> int:
    """Runs mypy at the project's root with a cache of its own; its exit code."""
    print(f"{name}: ", end="", flush=True)
    cache = str(BUILD / "mypy" / name)
    return subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", cache, *arguments], cwd=tasks.ROOT).returncode


# ---- what a stub vouches for


def not_vouched(names: list[str], stubs: Path) -> Iterator[tuple[str, str]]:
    """(attribute, what the stub says of it) of each that the board whose stubs these are may not have.

    names: as host_tools.boards.attributes gives them. Modules that the stubs take from the standard library's (sys,
    os) are not judged: those stubs are common to all boards.
    """
    for name in names:
        module, *parts = name.replace("()", "").split(".")
        file = next(
            (path for path in (stubs / f"{module}.pyi", stubs / module / "__init__.pyi") if path.is_file()), None
        )
        if file is None:
            if not (stubs / "stdlib" / module).is_dir():
                yield name, "there is no such module"
            continue
        body: list[ast.stmt] = ast.parse(file.read_text(encoding="utf-8")).body
        for part in parts:
            found = next((node for node in body if part in _declares(node)), None)
            fault = _fault(found)
            if fault:
                yield name, fault
                break
            body = found.body if isinstance(found, ast.ClassDef) else []


def _declares(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _fault(node: ast.stmt | None) -> str:
    """Why a declaration does not say that the thing was found on a board; empty where it does."""
    if node is None:
        return "the stub has no such attribute"
    if isinstance(node, ast.AnnAssign):
        kind = ast.unparse(node.annotation)
        if kind == "Incomplete":
            return "the stub only documents it (Incomplete)"
        if not kind.startswith("Final[") or not isinstance(node.value, ast.Constant) or node.value.value is ...:
            return f"the stub only documents it ({kind} without a value that was read on a board)"
    if isinstance(node, ast.FunctionDef):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "mp_available" and decorator.keywords:
                return f"the stub has it under a condition ({ast.unparse(decorator)})"
    return ""


def check_attributes(board: str, stubs: Path) -> int:
    """Prints what `board` uses and its stubs do not vouch for; 1 where there is any, else 0."""
    faults = list(not_vouched(attributes(board), stubs))
    for name, fault in faults:
        print(f"boards/{board} uses {name}, and {fault}")
    return int(bool(faults))


def check_identity(board: str, stubs: Path) -> int:
    """Prints where board.toml names another chip, build or kind of .mpy than its stubs; 1 then, else 0."""
    data = fixture.load() if board == fixture.BOARD else load(board).data
    wanted = {"cpu": data["board"]["cpu"], "board": data["micropython"]["build"], "arch": data["micropython"]["arch"]}
    header = re.search(r"^# MCU: (\{.*\})$", (stubs / "machine.pyi").read_text(encoding="utf-8"), re.MULTILINE)
    found = ast.literal_eval(header[1]) if header else {}
    faults = [name for name, value in wanted.items() if found.get(name) != value]
    for name in faults:
        print(f"boards/{board}/board.toml says {name} {wanted[name]}, and its stubs were read from {found.get(name)}")
    return int(bool(faults))


# ---- the checks


def check_board(board: str, requirements: list[str]) -> int:
    """Checks firmware/, boards/BOARD and what it uses of boards/common/ as code for that board; an exit code."""
    stubs = install_stubs(board, requirements)
    config = stubs.with_suffix(".ini")
    boards = tasks.ROOT / "boards"
    places = {"firmware": tasks.ROOT / "firmware", "common": boards / "common", "board": boards / board}
    config.write_text(CONFIG.format(stubs=stubs, **places))
    shared = [path for path in adapter(board).values() if path.parent == places["common"]]
    if board == VIRTUAL:  # its machine has neither pins nor UARTs: what is for those is checked with the real boards
        shared = [path for path in shared if "from machine import" not in path.read_text(encoding="utf-8")]
    code = mypy(board, "--config-file", str(config), "firmware", f"boards/{board}", *map(str, shared))
    if board == VIRTUAL:  # what it may use is the unix VM that the tests run
        return code
    return code or check_attributes(board, stubs) or check_identity(board, stubs)


if __name__ == "__main__":
    codes = [check_board(board, pins) for board, pins in tasks.project()["tool"]["chf"]["stubs"].items()]
    codes.append(mypy("host", *HOST_CODE))
    sys.exit(int(any(codes)))
