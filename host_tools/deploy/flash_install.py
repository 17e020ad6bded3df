"""What flashing writes onto a board: the image beside what runs, put together from what is there and what is sent."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

from host_tools.deploy import flash_identity
from host_tools.deploy.firmware_build import BuildError, build
from host_tools.deploy.firmware_image import LOADER, FirmwareImage, pack
from host_tools.deploy.flash_repl import NoRoom, Repl
from host_tools.deploy.flash_target import Target
from host_tools.errors import EXIT_FLASH, BenchError

SPARE_BLOCKS = 10  # the journals: two folders, each with two files in two generations
ARMV6M, ARMV7EMDP = 4, 8  # MicroPython's py/persistentcode.h: what a Thumb core runs of its elders, too
NATIVE, BYTECODE = "native", "bytecode"  # what a framer can be


class Watcher(Protocol):
    """Who hears how it goes."""

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        """What goes on; octets done, octets in all."""

    def ask(self, sentence: str) -> None:
        """What a person has to do now."""


def made(target: Target, framer: str, mpy: int) -> tuple[FirmwareImage, str]:
    """(the image for a board, what its framer is, for people).

    framer: NATIVE, BYTECODE, or "" for what board.toml says. mpy: the board's sys.implementation._mpy; a VM that does
    not take the machine code gets the image without it. Raises BenchError.
    """
    native = framer == NATIVE if framer else target.native_framer
    try:
        image = pack(build(target.name, native=target.arch if native else ""))
        told = f"machine code for {target.arch}" if native else "bytecode"
        if not all(runs(part.native, mpy) for part in image.parts):
            image = pack(build(target.name))
            told = f"bytecode: this MicroPython takes no machine code for {target.arch}"
    except BuildError as error:
        raise BenchError(str(error), EXIT_FLASH) from None
    check_code(image, mpy)
    return image, told


def runs(needs: int, mpy: int) -> bool:
    """Whether a VM takes a module. needs: Part.native. mpy: its sys.implementation._mpy."""
    native = mpy >> 8 & 0xFF
    thumb = needs & 3 == native & 3 and ARMV6M <= needs >> 2 <= native >> 2 <= ARMV7EMDP
    return not needs or needs == native or thumb


def check_code(image: FirmwareImage, mpy: int) -> None:
    """Raises BenchError where the board's VM does not take the .mpy files. mpy: its sys.implementation._mpy."""
    takes = mpy & 0xFF
    for part in image.parts:
        if part.octets[1] != takes:
            raise BenchError(
                f"The board's MicroPython takes .mpy files of version {takes}, and mpy-cross writes "
                f"{part.octets[1]}: put the version of MicroPython on it that this firmware is for.",
                EXIT_FLASH,
            )
        if not runs(part.native, mpy):
            raise BenchError(
                f"{part.path} holds machine code for another processor than the board's: give the right --board.",
                EXIT_FLASH,
            )


def install(
    repl: Repl, target: Target, new: FirmwareImage, identity: flash_identity.Plan | None, watcher: Watcher
) -> dict[str, Any]:
    """Image, identity, main.py, in this order: a board without main.py is no hub, and one with it has all the rest."""
    kind = repl.call("filesystem", target.root)
    if kind and kind != "VfsLfs2":
        raise BenchError(
            f"The board's files are on {kind}, where a power cut can lose a rename: format its flash as littlefs.",
            EXIT_FLASH,
        )
    watcher.step("comparing")
    old = repl.call("image", target.root)
    sent = 0
    if old is None or old[0] != new.sha256:
        need_room(new, repl.call("room", target.root))
        sent = _copy(repl, target, new, old[1] if old else {}, watcher)
    if identity is not None and identity.octets is not None:
        _replace(repl, target.root, "identity", "identity.json", identity.octets)
    loader = LOADER.read_bytes()
    there = repl.call("program", target.root + "main.py")
    if there is None or there[0] != hashlib.sha256(loader).hexdigest():
        _replace(repl, target.root, "main", "main.py", loader)
        sent += len(loader)
    return {"firmware": new.sha256, "octets": new.size + len(loader), "copied_octets": sent}


def need_room(image: FirmwareImage, room: tuple[int, int]) -> None:
    """room: free octets, octets of a block. Raises NoRoom where the image does not fit beside the one that is there."""
    free, block = room
    need = (-(-image.size // block) + SPARE_BLOCKS) * block
    if free < need:
        raise NoRoom(f"the firmware needs {need // 1024} KiB beside what is there, and {free // 1024} are free")


def _copy(repl: Repl, target: Target, new: FirmwareImage, old: dict[str, Any], watcher: Watcher) -> int:
    """Put firmware.new together from what is there and what is sent, and rename it. The octets that were sent."""
    there = {sha: (start, size) for sha, start, size in old.values()}
    sent = done = 0
    repl.call("begin", target.root)
    for octets, sha in [(new.head, ""), *((part.octets, part.sha256) for part in new.parts)]:
        if sha in there:
            repl.call("keep", *there[sha])
            done += len(octets)
        else:
            for n in repl.put(octets):
                sent += n
                done += n
                watcher.step("copying", done, new.size)
        watcher.step("copying", done, new.size)
    if repl.call("finish") != new.sha256:
        raise BenchError("What the board has written reads back wrong: its flash may be worn out.", EXIT_FLASH)
    repl.call("switch", target.root, "firmware.new", "firmware.img")
    return sent


def _replace(repl: Repl, root: str, stem: str, name: str, octets: bytes) -> None:
    """A small file in one rename, read back before."""
    repl.write_file(f"{root}{stem}.new", octets)
    if repl.call("digest", f"{root}{stem}.new") != hashlib.sha256(octets).hexdigest():
        raise BenchError(f"The board's {name} reads back wrong: its flash may be worn out.", EXIT_FLASH)
    repl.call("switch", root, f"{stem}.new", name)
