"""Size: the firmware's .mpy, its density, what compiles on a board, and what the imported code takes of the heap."""

from __future__ import annotations

import ast
import io
import tokenize

from host_tools.benchmarks import vm
from host_tools.benchmarks.figure import Figure
from host_tools.deploy.firmware_build import sources

MPY_NAMES = ("mpy-octets", "mpy-density")
COMPILE_NAMES = ("compile-heap",)
CODE_NAMES = ("code-heap",)
MPY_BAR = 40 * 1024
DENSITY_BAR = 18
COMPILE_BAR_WK = 96
WK_OCTETS = 1024 * 2  # on the 64-bit VM; "wk" counts words of 32 bits, and is scaled to the VM's own
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


def _firmware() -> tuple[int, int, int]:
    """(octets as .mpy of firmware/, code lines that became them, octets as .mpy of the virtual board's own files)."""
    built = vm.firmware()
    own = set(vm.firmware_files())
    octets = others = 0
    for name, path in sources(vm.BOARD).items():
        compiled = (built / name).with_suffix(".mpy")
        if not compiled.is_file():
            continue  # it has become part of another
        if path in own:
            octets += compiled.stat().st_size
        else:
            others += compiled.stat().st_size
    lines = sum(code_lines(path.read_text(encoding="utf-8")) for path in own)
    return octets, lines, others


def compile_heap(paths: list[str], high: int) -> tuple[int | None, str]:
    """(smallest heap in wk in which each file compiles by itself, the file that fails below it)."""
    failed = ""
    with vm.shipped() as folder:

        def passes(wk: int) -> bool:
            nonlocal failed
            first = vm.run("compile_all", folder, {"paths": paths}, f"{wk}wk")["failed"]
            failed = first or failed
            return first is None

        return vm.least(passes, 8, high), failed


def take_mpy(quick: bool) -> list[Figure]:
    octets, lines, others = _firmware()
    return [
        Figure(
            "mpy-octets",
            octets,
            "octets",
            MPY_BAR,
            f"all .mpy of firmware/; the virtual board's adapter and what boards share take {others:,} more",
        ),
        Figure(
            "mpy-density",
            octets / lines,
            "octets/line",
            DENSITY_BAR,
            f"that size over the {lines:,} code lines that became it: not blank, no comment, no docstring",
        ),
    ]


def take_compile(quick: bool) -> list[Figure]:
    least, hardest = compile_heap([str(path) for path in vm.firmware_files()], 2 * COMPILE_BAR_WK)
    return [
        Figure(
            "compile-heap",
            least,
            "wk",
            COMPILE_BAR_WK,
            "smallest heap in which the VM compiles any single .py of firmware/, its text included; hardest: "
            f"{hardest.rpartition('/')[2] or 'none'}",
        )
    ]


def take_code(quick: bool) -> list[Figure]:
    with vm.shipped() as folder:
        share = vm.run("code_share", folder, {})
    return [
        Figure(
            "code-heap",
            share["firmware"] / WK_OCTETS,
            "wk",
            None,
            f"gc.mem_alloc after importing what a strapped hub keeps while it runs, {share['firmware']:,} octets; the "
            f"virtual board's adapter takes {share['board']:,} more",
        )
    ]
