"""The 32-bit MicroPython VM, WebAssembly under node: runs scripts there, and what the firmware takes of its heap.

Its small integers have 31 bits as a board's, so 2**30 and more allocate. It has no littlefs and no `machine`, its heap
grows as it needs to, and its collector runs between two scripts only.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from host_tools.benchmarks import drift, npm, vm
from host_tools.benchmarks.figure import Figure
from host_tools.errors import BenchError

NAMES = ("heap-32bit",)
PACKAGE = "@micropython/micropython-webassembly-pyscript"
FOLDER = Path(__file__).parent / "vm32"
HEAP_OCTETS = 1 << 20  # to begin with
DEADLINE_S = 90.0
RESULT = "RESULT "


def run(
    *scripts: str,
    copies: Mapping[Path, str],
    arguments: Sequence[str] = (),
    path: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    heap: int = HEAP_OCTETS,
    deadline_s: float = DEADLINE_S,
) -> str:
    """What the scripts' sources print, run one after another in one VM.

    copies: folder or file here -> absolute path there; path: folders there that join sys.path
    Raises BenchError: 3 where there is no node, npm or package, 1 for a script that raises or does not end.
    """
    module = npm.installed(FOLDER, PACKAGE) / "node_modules" / PACKAGE / "micropython.mjs"
    wanted = {
        "heap": heap,
        "copies": [[str(here), there] for here, there in copies.items()],
        "arguments": list(arguments),
        "path": list(path),
        "environment": dict(environment or {}),
        "scripts": list(scripts),
    }
    try:
        done = subprocess.run(
            ["node", str(FOLDER / "run.mjs"), str(module)],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=deadline_s,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"The 32-bit VM did not end its script within {deadline_s:g} s: it hangs.") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise BenchError("The 32-bit VM's script raised: " + ("\n".join(said[-12:]) if said else "it says nothing"))
    return done.stdout


def result(said: str) -> dict[str, int]:
    """The values of the last RESULT line. Raises BenchError where there is none."""
    for line in reversed(said.splitlines()):
        if line.startswith(RESULT):
            values: dict[str, int] = json.loads(line.removeprefix(RESULT))
            return values
    raise BenchError("The 32-bit VM ended without a result.")


def built(*scripts: str, settings: Mapping[str, object], patches: dict[str, str] | None = None) -> str:
    """What scripts print that import the firmware as .mpy, or a script of vm/, from vm.scripts(). Raises BenchError.

    patches: modules in place of the firmware's, for tests
    """
    with vm.scripts(patches) as folder:
        return run(
            *scripts, copies={folder: "/built"}, path=["/built"], environment={"CHF_BENCHMARK": json.dumps(settings)}
        )


# One script each: what a statement leaves behind is collected before the next begins.
_STAGES = (
    "import gc, json\nat = [0, 0, 0, 0]\nat[0] = gc.mem_alloc()",
    "import chf.shell",
    "at[1] = gc.mem_alloc()",
    "import narrow_board",
    "at[2] = gc.mem_alloc()",
    "import booted",
    f"at[3] = gc.mem_alloc()\nprint({RESULT!r} + json.dumps(dict(code=at[1] - at[0], hub=at[3] - at[2])))",
)


def footprint() -> tuple[int, int]:
    """Octets of heap on 32 bits: (the firmware imported, what a booted hub has besides). Raises BenchError."""
    said = built(*_STAGES, settings={"identity": drift.identity()})
    parts, taken = (result(line) for line in said.splitlines() if line.startswith(RESULT))
    return taken["code"], taken["hub"] - parts["files"] - parts["lines"]


def take(quick: bool) -> list[Figure]:
    code, hub = footprint()
    return [
        Figure(
            "heap-32bit",
            (code + hub) / 1024,
            "KiB",
            None,
            f"gc.mem_alloc on the 32-bit VM (WebAssembly, MicroPython 1.27) after a collection: all of the firmware as "
            f".mpy, {code:,} octets, and a hub on a board in memory that has booted and settled, {hub:,} more without "
            "that board's files and lines; not in it: a real board's adapter, littlefs, what the VM itself holds, "
            "and what a heap needs beyond what lies in it",
        )
    ]
