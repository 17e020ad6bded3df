"""Puts the firmware on a board: looks first, copies what differs beside what runs, and changes over in one rename."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.boards import fixture
from host_tools.deploy import flash_identity, flash_target
from host_tools.deploy.firmware_image import LOADER_SIGN
from host_tools.deploy.flash_install import Watcher, install, made
from host_tools.deploy.flash_repl import Repl, enter
from host_tools.deploy.flash_target import Target
from host_tools.errors import EXIT_FLASH, EXIT_NO_BOARD, EXIT_USAGE, BenchError
from host_tools.link.connect import open_client
from host_tools.link.fixture_rig import ABLE, FixtureBoard

REPL_S = 1.5  # for a REPL that is open already
WINDOW_S = 8.0  # for a hub that restarts: its port comes back, and for two seconds it listens
RESET_S = 60.0  # for a person to find the button
HELLO_S = 60.0  # for firmware that starts, on an emulated chip too
WHAT = {"hub": "hub", "rig": "fixture board"}


@dataclass(frozen=True)
class Request:
    """What the user wants.

    board, port: None where it is to be found. keys: identity file, made where there is none. framer: as of
    flash_install.made. starting: MicroPython has just been put on the chip.
    """

    board: str | None = None
    port: str | None = None
    keys: Path | None = None
    new_keys: bool = False
    replace: bool = False
    framer: str = ""
    starting: bool = False


def flash(request: Request, watcher: Watcher) -> dict[str, Any]:
    """Flash one board and shake hands with it: what was done, and who it is, as JSON takes it.

    watcher: hears of the progress. Raises BenchError: 2 usage, 3 no board or port busy, 4 flashing failed; the board
    then runs the firmware that it ran before, or, from the image's rename on, the new one.
    """
    target = flash_target.load(request.board) if request.board else None
    port = flash_target.find_port(request.port, target)
    repl = open_repl(port, watcher, WINDOW_S if request.starting else None)
    with _restarting(repl):
        repl.load_flasher()
        who = repl.call("who")
        target = target or _found(repl, who)
        flash_target.check(target, who)
        programs = {name: repl.call("program", target.root + name) for name in ("boot.py", "main.py")}
        stranger = foreign(programs, request.replace)
        check_kind(target, repl.call("kind", target.root), request.replace)
        identity = _identity(request, repl, who, target)
        watcher.step("building")
        image, framer = made(target, request.framer, who["mpy"])
    if any(programs.values()):
        repl = _maintenance(repl, target, stranger, watcher)
    back = "".join(
        f"if _octets({name!r}) is None:\n os.rename({name + '.before'!r}, {name!r})\n"
        for name in (target.root + name for name in stranger)
    )
    with _restarting(repl, back):
        copied = install(repl, target, image, identity, watcher)
    watcher.step("restarting")
    repl.reset()
    done = {
        "board": target.name,
        "port": port,
        "micropython": ".".join(map(str, who["version"])),
        "framer": framer,
        **copied,
    }
    if identity is None:
        return {**done, "identity": _hello(port, _fixture_says)}
    return {**done, "keys": identity.told, "identity": _hello(port, lambda port: _hub_says(port, identity.hub))}


def _found(repl: Repl, who: dict[str, Any]) -> Target:
    """The board that is there; a chip that fits becomes a fixture board only at the user's word, and then is one."""
    target = flash_target.of_repl(who)
    rig = flash_target.load(fixture.BOARD)
    return rig if rig.is_on(who) and repl.call("kind", rig.root) == rig.kind else target


def _identity(request: Request, repl: Repl, who: dict[str, Any], target: Target) -> flash_identity.Plan | None:
    """Who the board is to be; None for a fixture board, which has no keys. Raises BenchError."""
    if target.kind == "hub":
        there = repl.call("identity", target.root)
        return flash_identity.plan(request.keys, request.new_keys, there, who, target)
    if request.keys is not None or request.new_keys:
        raise BenchError("A fixture board has no keys: leave --keys and --new-keys out.", EXIT_USAGE)
    return None


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


def open_repl(port: str, watcher: Watcher, within_s: float | None = None) -> Repl:
    """The REPL; of a board that runs the hub by way of a restart. within_s: how long one that is open may take."""
    watcher.step("looking for the REPL")
    repl = enter(port, REPL_S if within_s is None else within_s)
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


def check_kind(target: Target, there: str, replace: bool) -> None:
    """Raises BenchError where a hub is to become a fixture board, or the reverse, and nobody has said so.

    there: "hub", "rig", or "" for neither.
    """
    if there and there != target.kind and not replace:
        raise BenchError(
            f"The board is a {WHAT[there]}: --replace makes a {WHAT[target.kind]} of it; give another --port, or leave "
            "--board out, where it is to stay one.",
            EXIT_FLASH,
        )


# ---- who it is now


def _hello(port: str, ask: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the firmware says of itself. Raises BenchError where it does not answer, or is not what it was to be."""
    end = time.monotonic() + HELLO_S
    while True:
        try:
            return ask(port)
        except Stranger:
            raise
        except BenchError as error:
            if time.monotonic() > end:
                raise BenchError(
                    f"The firmware is on the board, but nothing answers at {port} ({error}) Press its RESET, or plug "
                    "it in again, and run this once more.",
                    EXIT_FLASH,
                ) from None
            time.sleep(0.2)


class Stranger(BenchError):
    """Another hub answers than the one that was flashed."""


def _hub_says(port: str, hub: str) -> dict[str, Any]:
    with open_client(port) as client:
        fields = client.identify()
    if fields["hub"].hex() != hub:
        raise Stranger(f"The hub at {port} is {fields['hub'].hex()}, and was to be {hub}.", EXIT_FLASH)
    text = fields["text"].decode("utf-8", "replace")
    return {"hub": hub, "esme": fields["esme"].hex(), "strapped": bool(fields["strapped"]), "runs": ascii(text)[1:-1]}


def _fixture_says(port: str) -> dict[str, Any]:
    with contextlib.closing(FixtureBoard(port)) as board:
        able = [name for bit, name in ABLE.items() if board.able & bit]
        return {"runs": ascii(board.text)[1:-1], "able": able}
