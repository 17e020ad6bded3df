"""Puts the firmware on a board: looks first, copies what differs beside what runs, and changes over in one rename."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from host_tools.deploy import flash_identity, flash_target
from host_tools.deploy.firmware_build import BuildError, build
from host_tools.deploy.firmware_image import LOADER, LOADER_SIGN, FirmwareImage, pack
from host_tools.deploy.flash_repl import NoRoom, Repl, enter
from host_tools.deploy.flash_target import Target
from host_tools.errors import EXIT_FLASH, EXIT_NO_BOARD, BenchError
from host_tools.link.connect import open_client

REPL_S = 1.5  # for a REPL that is open already
WINDOW_S = 8.0  # for a hub that restarts: its port comes back, and for two seconds it listens
RESET_S = 60.0  # for a person to find the button
HELLO_S = 30.0  # for a hub that starts
SPARE_BLOCKS = 10  # the journals: two folders, each with two files in two generations
ARMV6M, ARMV7EMDP = 4, 8  # MicroPython's py/persistentcode.h: what a Thumb core runs of its elders, too


class Watcher(Protocol):
    """Who hears how it goes."""

    def step(self, what: str, done: int = 0, total: int = 0) -> None:
        """What goes on; octets done, octets in all."""

    def ask(self, sentence: str) -> None:
        """What a person has to do now."""


@dataclass(frozen=True)
class Request:
    """What the user wants. board, port: None where it is to be found. keys: identity file, made where there is none."""

    board: str | None = None
    port: str | None = None
    keys: Path | None = None
    new_keys: bool = False
    replace: bool = False


def flash(request: Request, watcher: Watcher) -> dict[str, Any]:
    """Flash one board and shake hands with it: what was done, and who it is, as JSON takes it.

    watcher: hears of the progress. Raises BenchError: 2 usage, 3 no board or port busy, 4 flashing failed; the board
    then runs the firmware that it ran before, or, from the image's rename on, the new one.
    """
    target = flash_target.load(request.board) if request.board else None
    port = flash_target.find_port(request.port, target)
    repl = open_repl(port, watcher)
    with _restarting(repl):
        repl.load_flasher()
        who = repl.call("who")
        target = target or flash_target.of_repl(who)
        flash_target.check(target, who)
        programs = {name: repl.call("program", target.root + name) for name in ("boot.py", "main.py")}
        stranger = foreign(programs, request.replace)
        identity = flash_identity.plan(request.keys, request.new_keys, repl.call("identity", target.root), who, target)
    if any(programs.values()):
        repl = _maintenance(repl, target, stranger, watcher)
    back = "".join(
        f"if _octets({name!r}) is None:\n os.rename({name + '.before'!r}, {name!r})\n"
        for name in (target.root + name for name in stranger)
    )
    with _restarting(repl, back):
        copied = _install(repl, target, identity, who["mpy"], watcher)
    watcher.step("restarting")
    repl.reset()
    return {
        "board": target.name,
        "port": port,
        "micropython": ".".join(map(str, who["version"])),
        **copied,
        "keys": identity.told,
        "identity": _hello(port, identity.hub),
    }


@contextlib.contextmanager
def _restarting(repl: Repl, back: str = "") -> Iterator[None]:
    """Whatever goes wrong, the board is left as it was, not at its REPL. back: what the board is to run before."""

    def put_back() -> None:
        with contextlib.suppress(BenchError):
            if back:
                repl.run(back)
            repl.reset()

    with contextlib.ExitStack() as undo:
        undo.callback(put_back)
        yield
        undo.pop_all()


# ---- the way to the REPL


def open_repl(port: str, watcher: Watcher) -> Repl:
    """The REPL; of a board that runs the hub by way of a restart."""
    watcher.step("looking for the REPL")
    repl = enter(port, REPL_S)
    if repl is not None:
        return repl
    hub = _restart_hub(port)
    if hub:
        watcher.step("restarting the hub")
    else:
        watcher.ask(f"Press the board's RESET, or unplug it and plug it in, within {RESET_S:.0f} s.")
    repl = enter(port, WINDOW_S if hub else RESET_S)
    if repl is None:
        raise BenchError(
            f"No REPL answers at {port}: hold MAINT to ground, press RESET and flash again; a chip without MicroPython "
            "needs --uf2 or --bin first.",
            EXIT_NO_BOARD,
        )
    return repl


def _restart_hub(port: str) -> bool:
    """Whether a hub runs there that has restarted at our word, which it takes with its bench strap only."""
    try:
        with open_client(port) as client:
            if not client.identify()["strapped"]:
                return False
            client.restart()
    except BenchError:
        return False
    return True


def _maintenance(repl: Repl, target: Target, stranger: list[str], watcher: Watcher) -> Repl:
    """Restart, so that nothing runs that has armed a watchdog."""
    with _restarting(repl):
        for name in stranger:
            repl.run(f"import os\nos.rename({target.root + name!r}, {target.root + name + '.before'!r})")
        repl.write_file(target.root + "maintenance", b"")
        watcher.step("restarting into maintenance")
    repl.reset()
    again = enter(repl.port, WINDOW_S)
    if again is None:
        raise BenchError(f"{repl.port} did not come back: hold MAINT to ground and press RESET.", EXIT_FLASH)
    with _restarting(again):
        again.load_flasher()
        again.run(
            f"if _octets({target.root + 'maintenance'!r}) is not None:\n os.remove({target.root + 'maintenance'!r})"
        )
    return again


def foreign(programs: dict[str, tuple[str, bytes] | None], replace: bool) -> list[str]:
    """The files that somebody else's firmware starts from. Raises BenchError where they are to stay."""
    found = [name for name, found in programs.items() if found and not found[1].startswith(LOADER_SIGN)]
    if found and not replace:
        raise BenchError(
            f"The board runs other firmware, from its {' and '.join(found)}: --replace keeps that as "
            f"{found[0]}.before and puts the hub in its place.",
            EXIT_FLASH,
        )
    return found


# ---- what is written


def _install(repl: Repl, target: Target, identity: flash_identity.Plan, mpy: int, watcher: Watcher) -> dict[str, Any]:
    """Image, identity, main.py, in this order: a board without main.py is no hub, and one with it has all the rest."""
    watcher.step("building")
    try:
        new = pack(build(target.name))
    except BuildError as error:
        raise BenchError(str(error), EXIT_FLASH) from None
    check_code(new, mpy)
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
    if identity.octets is not None:
        _replace(repl, target.root, "identity", "identity.json", identity.octets)
    loader = LOADER.read_bytes()
    there = repl.call("program", target.root + "main.py")
    if there is None or there[0] != hashlib.sha256(loader).hexdigest():
        _replace(repl, target.root, "main", "main.py", loader)
        sent += len(loader)
    return {"firmware": new.sha256, "octets": new.size + len(loader), "copied_octets": sent}


def check_code(image: FirmwareImage, mpy: int) -> None:
    """Raises BenchError where the board's VM does not take the .mpy files. mpy: its sys.implementation._mpy.

    Their second octet is the version, the third is 0 or what native code needs: ABI version and architecture.
    """
    takes, native = mpy & 0xFF, mpy >> 8 & 0xFF
    for part in image.parts:
        if part.octets[1] != takes:
            raise BenchError(
                f"The board's MicroPython takes .mpy files of version {takes}, and mpy-cross writes "
                f"{part.octets[1]}: put the version of MicroPython on it that this firmware is for.",
                EXIT_FLASH,
            )
        needs = part.octets[2]
        thumb = needs & 3 == native & 3 and ARMV6M <= needs >> 2 <= native >> 2 <= ARMV7EMDP
        if needs >> 2 and needs != native and not thumb:
            raise BenchError(
                f"{part.path} holds native code for another processor than the board's: give the right --board.",
                EXIT_FLASH,
            )


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


# ---- who it is now


def _hello(port: str, hub: str) -> dict[str, Any]:
    """What the hub says of itself. Raises BenchError where it does not answer, or is another than it was told to be."""
    end = time.monotonic() + HELLO_S
    while True:
        try:
            with open_client(port) as client:
                fields = client.identify()
            break
        except BenchError as error:
            if time.monotonic() > end:
                raise BenchError(
                    f"The firmware is on the board, but no hub answers at {port} ({error}) Press its RESET and run "
                    f"chtool identify {port}.",
                    EXIT_FLASH,
                ) from None
            time.sleep(0.2)
    if fields["hub"].hex() != hub:
        raise BenchError(f"The hub at {port} is {fields['hub'].hex()}, and was to be {hub}.", EXIT_FLASH)
    text = fields["text"].decode("utf-8", "replace")
    return {"hub": hub, "esme": fields["esme"].hex(), "strapped": bool(fields["strapped"]), "runs": ascii(text)[1:-1]}
