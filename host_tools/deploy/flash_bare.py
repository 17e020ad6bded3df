"""MicroPython onto a bare chip, from a file that the user names. Untried on silicon: only here the chip itself matters.

uf2: the chip shows itself as a drive that holds INFO_UF2.TXT, and takes the file as a copy. ESP32: esptool writes it.
"""

from __future__ import annotations

import importlib.util
import os
import string
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from host_tools.deploy import flash_target
from host_tools.deploy.flash_target import Target, find_port
from host_tools.errors import EXIT_FLASH, EXIT_NO_BOARD, EXIT_USAGE, BenchError

INFO = "INFO_UF2.TXT"
UF2_BLOCK = 512
UF2_START = (0x0A324655, 0x9E5D5157)  # github.com/microsoft/uf2: the two magic numbers that start a block
UF2_END = 0x0AB16F30
UF2_FAMILY = 0x2000  # flag: a block's field 7 is a family id
FAMILIES = {  # github.com/microsoft/uf2, utils/uf2families.json; 0xE48BFF57 is the RP2350 bootrom's "absolute"
    "RP2040": (0xE48BFF56,),
    "RP2350": (0xE48BFF57, 0xE48BFF59),
    "NRF52840": (0xADA52840,),
}
PORT_S = 30.0  # from the copy until the chip's serial port is there
GONE_S = 2.0  # esptool ends with a reset, which takes the old port away
ESPTOOL_S = 300.0
ESPTOOL_LINE = "python -m pip install esptool"


def put_micropython(
    board: str, uf2: Path | None, image: Path | None, port: str | None, drive: Path | None, erase: bool = False
) -> str:
    """Put MicroPython on the chip; the port to go on with.

    erase: all of an ESP32's flash first: MicroPython makes no filesystem where other firmware has left something.
    Raises BenchError: 2 for the wrong file, 3 for no drive or no port, 4 where writing fails.
    """
    target = flash_target.load(board)
    wanted = {"uf2": "--uf2", "esptool": "--bin"}.get(target.method)
    given = uf2 if target.method == "uf2" else image
    if wanted is None or given is None or (uf2 is not None and image is not None):
        how = f"takes its MicroPython by {wanted}" if wanted else "has its MicroPython already"
        raise BenchError(f"A {target.title} {how}: leave the other option out.", EXIT_USAGE)
    if target.method == "uf2":
        if erase:
            raise BenchError(f"--erase is for an ESP32, and a {target.title} is none: leave it out.", EXIT_USAGE)
        content = _content(given)
        check_uf2(content, given, target)
        drive = drive if drive is not None else the_drive(drives(), target)
        copy_to(drive, content)
        _wait_until_gone(drive)
        return port if port is not None else _appearing(target)
    _content(given)
    run_esptool(find_port(port, target), given, target, erase)
    if port is not None:
        return port
    time.sleep(GONE_S)
    return _appearing(target)


def check_uf2(content: bytes, name: Path, target: Target) -> None:
    """Raises BenchError where it is no whole UF2 file, or one for another chip."""
    blocks = [content[at : at + UF2_BLOCK] for at in range(0, len(content), UF2_BLOCK)]
    families = set()
    for block in blocks:
        if len(block) < UF2_BLOCK or struct.unpack_from("<2I", block) != UF2_START:
            raise BenchError(f"{name} is no UF2 file, or not a whole one: fetch it again.", EXIT_USAGE)
        flags, family = struct.unpack_from("<I", block, 8)[0], struct.unpack_from("<I", block, 28)[0]
        if struct.unpack_from("<I", block, UF2_BLOCK - 4)[0] != UF2_END:
            raise BenchError(f"{name} is no UF2 file, or not a whole one: fetch it again.", EXIT_USAGE)
        if flags & UF2_FAMILY:
            families.add(family)
    if not blocks:
        raise BenchError(f"{name} is empty: fetch it again.", EXIT_USAGE)
    if not families & set(FAMILIES[target.cpu]):
        raise BenchError(f"{name} is for another chip than the {target.cpu} of a {target.title}.", EXIT_USAGE)


def drives(mounted: Iterable[Path] | None = None) -> list[Path]:
    """The mounted drives of chips in their UF2 bootloader. mounted: where to look, by default where drives appear."""
    found = []
    for folder in _mounted() if mounted is None else mounted:
        try:
            if (folder / INFO).is_file():
                found.append(folder)
        except OSError:  # a drive that is gone, or another user's
            continue
    return sorted(set(found))


def the_drive(found: list[Path], target: Target) -> Path:
    """The one drive. Raises BenchError where there is none, or where there are two."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise BenchError(f"No chip shows its drive: {target.steps} Or give the drive with --drive.", EXIT_NO_BOARD)
    several = " and ".join(map(str, found))
    raise BenchError(f"{several} are drives of bare chips: say which with --drive.", EXIT_USAGE)


def copy_to(drive: Path, content: bytes) -> None:
    """Copy a UF2 file to a chip's drive, which is gone when it has it all. Raises BenchError."""
    if not (drive / INFO).is_file():
        raise BenchError(f"{drive} is no chip's drive: it holds no {INFO}.", EXIT_USAGE)
    try:
        with (drive / "firmware.uf2").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if not drive.exists():  # it restarts with the last block, before the system has closed the file
            return
        raise BenchError(f"{drive} does not take the file: {error.strerror}.", EXIT_FLASH) from None


def run_esptool(port: str, image: Path, target: Target, erase: bool = False) -> None:
    """Write an image at the start of an ESP32's flash, erased whole before if so wanted.

    Raises BenchError, naming the line that installs esptool.
    """
    if importlib.util.find_spec("esptool") is None:
        raise BenchError(f"An ESP32 needs esptool, which is not here: {ESPTOOL_LINE}", EXIT_USAGE)
    chip = target.cpu.lower().replace("-", "")
    command = [sys.executable, "-m", "esptool", "--chip", chip, "--port", port, "write_flash"]
    command += [*(["--erase-all"] if erase else []), "0", str(image)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=ESPTOOL_S
        )
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"esptool did not end within {ESPTOOL_S:.0f} s: unplug the board and plug it in.", EXIT_FLASH
        ) from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        raise BenchError(f"esptool failed: {ascii(said[-1])[1:-1]}. {target.steps}", EXIT_FLASH)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from None


def _wait_until_gone(drive: Path) -> None:
    """The bootloader's serial port goes with its drive, and may have the USB id of MicroPython's."""
    end = time.monotonic() + PORT_S
    while (drive / INFO).exists() and time.monotonic() < end:
        time.sleep(0.2)


def _appearing(target: Target) -> str:
    """The port of the chip that starts MicroPython. Raises BenchError."""
    end = time.monotonic() + PORT_S
    while True:
        try:
            return find_port(None, target)
        except BenchError as error:
            if error.exit_code != EXIT_NO_BOARD or time.monotonic() > end:
                raise
        time.sleep(0.2)


def _mounted() -> list[Path]:
    if os.name == "nt":
        return [Path(f"{letter}:/") for letter in string.ascii_uppercase]
    found = list(Path("/Volumes").glob("*"))
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    return [*found, *(Path(line.split()[1].replace("\\040", " ")) for line in lines if line.startswith("/dev/"))]
