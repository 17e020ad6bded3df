"""The unix VM as a dev board. What the rig decides (flash file, PTYs, clock, strap) comes as JSON in CHF_VIRTUAL."""

import hashlib
import json
import micropython
import os

from flash import FileFlash
from lfs_store import LfsStore, mount
from rig_link import RigLink
from timebase import EXIT_RESTART

MOUNT = "/flash"
PROG_OCTETS = 128  # half a page: littlefs then needs half the buffers
IDENTITY = MOUNT + "/identity.json"


class VirtualBoard:
    """A ports.Board. Everything physical about it is simulated by the rig that started it."""

    name = "virtual (simulated)"

    def __init__(self, settings):
        self.strapped = settings["strapped"]
        self.reset_cause = settings["reset"]
        self._settings = settings
        self._seed = bytes.fromhex(settings["seed"])
        self._drawn = 0
        self._rig = RigLink(settings["rig_in"], settings["rig_out"], settings["signals"])
        now_ms, ticks, speed = settings["now_ms"], settings["ticks"], settings["speed"]
        self.clock = self._make_clock(now_ms, ticks, speed)
        clock = self.clock
        self.links = [self._uart(path, mask, clock) for path, mask in settings["links"]]
        self._settings = None  # spare the heap
        clock.uarts = self.links
        self.flash = FileFlash(settings["flash"], on_busy=clock.stall, fault=clock)
        clock.flash = self.flash
        self.flash.cut_after = settings.get("flash_cut_after")
        self.flash.failing = settings.get("flash_failing", False)
        mount(self.flash, MOUNT, PROG_OCTETS)
        self.store = LfsStore(MOUNT, "bench" if self.strapped else "live")
        self.ticks_ms = clock.ticks_ms
        self.wait = clock.wait
        self.feed = clock.feed

    def _make_clock(self, now_ms, ticks, speed):
        if speed:  # each only when it is used: two of them are too much for a small heap
            from real import RealClock

            return RealClock(self._rig, now_ms, ticks, speed)
        from stepped import SteppedClock

        return SteppedClock(self._rig, now_ms, ticks)

    def _uart(self, path, mask, clock):
        file = open(path, "r+b", buffering=0)
        if self._settings["speed"]:
            from real import RealUart

            return RealUart(file, mask, clock)
        from stepped import SteppedUart

        return SteppedUart(file, mask, clock, self._settings["baud"])

    def identity(self):
        try:
            with open(IDENTITY) as file:
                return file.read()
        except OSError:
            return None

    def sense(self):
        return self._rig.signals["bits"]

    def holdup_mv(self):
        return self._rig.signals["holdup_mv"]

    def random(self, n):
        """From the rig's seed, so that a run can be repeated; real boards have os.urandom."""
        self._drawn += 1
        return hashlib.sha256(self._seed + bytes((self._drawn,))).digest()[:n]

    def restart(self):
        self.clock.stop(EXIT_RESTART)


def open_board():
    settings = os.getenv("CHF_VIRTUAL")
    if settings is None:  # no rig: a dev board of its own
        from repl_hub import open_repl_hub

        return open_repl_hub()
    micropython.kbd_intr(-1)  # a Ctrl-C at the terminal ends this process without a word
    return VirtualBoard(json.loads(settings))
