"""Size: the firmware's .mpy, its density, what compiles on a board, and what the imported code takes of the heap."""

from __future__ import annotations

import ast
import io
import tokenize

from host_tools.benchmarks import vm
from host_tools.benchmarks.figure import Figure
from host_tools.firmware_build import sources
from host_tools.locate import root

NAMES = ("mpy-octets", "mpy-density", "compile-heap", "code-heap")
MPY_BAR = 40 * 1024
DENSITY_BAR = 18
COMPILE_BAR_WK = 96
WK_OCTETS = 1024 * 8  # on the 64-bit VM
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}


def code_lines(text: str) -> int:
    """Lines of Python source that hold code: no blank line, no comment, no docstring."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return len(lines)


def _firmware() -> tuple[int, int]:
    """(octets as .mpy, code lines) of firmware/."""
    built = vm.firmware()
    octets = lines = 0
    for path in vm.firmware_files():
        octets += (built / path.relative_to(root("firmware"))).with_suffix(".mpy").stat().st_size
        lines += code_lines(path.read_text(encoding="utf-8"))
    return octets, lines


def _board_octets() -> int:
    """Octets as .mpy of the virtual board and what boards share."""
    built = vm.firmware()
    own = {path.relative_to(root("firmware")).as_posix() for path in vm.firmware_files()}
    return sum((built / name).with_suffix(".mpy").stat().st_size for name in sources(vm.BOARD) if name not in own)


def compile_heap(paths: list[str], high: int) -> tuple[int | None, str]:
    """(smallest heap in wk in which each file compiles by itself, the file that fails below it)."""
    failed = ""
    with vm.scripts() as folder:

        def passes(wk: int) -> bool:
            nonlocal failed
            first = vm.run("compile_all", folder, {"paths": paths}, f"{wk}wk")["failed"]
            failed = first or failed
            return first is None

        return vm.least(passes, 8, high), failed


def take(quick: bool) -> list[Figure]:
    octets, lines = _firmware()
    least, hardest = compile_heap([str(path) for path in vm.firmware_files()], 2 * COMPILE_BAR_WK)
    with vm.scripts() as folder:
        share = vm.run("code_share", folder, {})
    return [
        Figure(
            "mpy-octets",
            octets,
            "octets",
            MPY_BAR,
            f"all .mpy of firmware/; the virtual board's adapter and what boards share take {_board_octets():,} more",
        ),
        Figure(
            "mpy-density",
            octets / lines,
            "octets/line",
            DENSITY_BAR,
            f"that size over {lines:,} code lines: not blank, no comment, no docstring",
        ),
        Figure(
            "compile-heap",
            least,
            "wk",
            COMPILE_BAR_WK,
            "smallest heap in which the VM compiles any single .py of firmware/, its text included; hardest: "
            f"{hardest.rpartition('/')[2] or 'none'}",
        ),
        Figure(
            "code-heap",
            share["firmware"] / WK_OCTETS,
            "wk",
            None,
            f"gc.mem_alloc after importing all of the firmware, {share['firmware']:,} octets; the virtual board's "
            f"adapter takes {share['board']:,} more",
        ),
    ]
