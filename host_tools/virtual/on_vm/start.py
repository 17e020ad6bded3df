"""Runs on the MicroPython VM, in the place of a board's ROM: flash as the root, reset, watchdog, then main.py.

host_tools/virtual/repl_board.py, which started it, hears single octets over a pipe: what a chip's hardware would do.
"""

import json
import machine
import micropython
import os
import sys
import time
import vfs

MASK = (1 << 30) - 1  # a board's ticks wrap there
PAGE_OCTETS = 256  # stock rp2 mounts with this progsize
LEAST_US = 1_000  # real: a hub that is twenty times as fast need not look at its lines 4,000 times a second
RUNNING = b"m"  # a program runs: Ctrl-C interrupts it
IDLE = b"i"  # the REPL reads: Ctrl-C is an octet of its own
DEAF = b"k"  # kbd_intr(-1)
HEARING = b"K"
ARMED = b"w"
FED = b"f"
RESET = b"r"
POWER_CUT = b"p"


class _Module:
    """What takes a built-in module's place; as attributes of an instance its functions can be imported by name."""

    def __init__(self, of, **own):
        for name in dir(of):
            setattr(self, name, getattr(of, name))
        for name in own:
            setattr(self, name, own[name])


class Flash:
    """What happens to the flash: a stall takes its time, a cut ends all."""

    def __init__(self, tell, sleep_us):
        self._tell = tell
        self.busy = sleep_us

    def power_cut(self):
        end(self._tell, POWER_CUT)


def end(tell, why):
    """Nothing of this run comes after: the supervisor ends the process."""
    tell(why)
    while True:
        time.sleep_ms(1000)


def modules(tell, speed, unique_id, cause):
    """machine, micropython and time as the board has them: `speed` times as fast."""
    sleep_us, ticks_us = time.sleep_us, time.ticks_us

    class WDT:
        def __init__(self, timeout=8000):
            tell(ARMED)

        def feed(self):
            tell(FED)

    def ticks_diff(a, b):
        return ((a - b + (MASK + 1) // 2) & MASK) - (MASK + 1) // 2

    return {
        "machine": _Module(
            machine,
            reset=lambda: end(tell, RESET),
            unique_id=lambda: unique_id,
            reset_cause=lambda: cause,
            PWRON_RESET=1,
            WDT_RESET=3,
            WDT=WDT,
        ),
        "micropython": _Module(micropython, kbd_intr=lambda char: tell(DEAF if char < 0 else HEARING)),
        "time": _Module(
            time,
            sleep_ms=lambda ms: sleep_us(max(ms * 1000 // speed, LEAST_US)),
            sleep_us=lambda us: sleep_us(us // speed),
            ticks_ms=lambda: ticks_us() * speed // 1000 & MASK,
            ticks_us=lambda: ticks_us() * speed & MASK,
            ticks_diff=ticks_diff,
        ),
    }


def mount(flash):
    """As stock rp2: the whole flash as the root, formatted where it holds no littlefs."""
    vfs.umount("/")
    try:
        filesystem = vfs.VfsLfs2(flash, progsize=PAGE_OCTETS)
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=PAGE_OCTETS)
        filesystem = vfs.VfsLfs2(flash, progsize=PAGE_OCTETS)
    vfs.mount(filesystem, "/")
    os.chdir("/")


def start(settings):
    tell = open(settings["tell"], "wb", buffering=0).write  # noqa: SIM115  # open for good
    sys.path[:] = [settings["rom"]]
    from flash import FileFlash

    board = modules(tell, settings["speed"], bytes.fromhex(settings["unique_id"]), settings["cause"])
    events = Flash(tell, board["time"].sleep_us)
    flash = FileFlash(settings["flash"], settings["blocks"], on_busy=events.busy, fault=events)
    flash.cut_after = settings["cut_after"]
    sys.modules.pop("flash")
    sys.modules.update(board)
    board["machine"].flash = flash
    mount(flash)
    sys.path[:] = ["", ".frozen", "/lib"]
    for name in ("boot.py", "main.py") if settings["main"] else ("boot.py",):
        if name in os.listdir("/"):
            run(name, tell)
    tell(IDLE)


def run(name, tell):
    tell(RUNNING)
    try:
        with open(name) as file:
            exec(file.read(), {"__name__": "__main__"})
    except (Exception, KeyboardInterrupt) as error:
        sys.print_exception(error)


start(json.loads(os.getenv("CHF_REPL_BOARD")))
