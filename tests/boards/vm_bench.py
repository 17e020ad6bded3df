"""For the scripts that run on the MicroPython VM: a flash file that is powered on and off, and its power cut."""

import errno
import gc
import json
import os
import sys
import vfs

from boards.common.lfs_store import LfsStore, mount
from boards.virtual.flash import FileFlash

BLOCKS = 16


class PowerCut(Exception):
    """Stands for the end of the hub's process."""


class Fault:
    """The rig's side of a power cut, inside one process."""

    def power_cut(self):
        raise PowerCut


class Bench:
    """One flash file, powered on and off, in a folder of the caller's."""

    def __init__(self, folder):
        self.path = folder + "/flash.bin"
        self.image = None
        self.flash = None
        self.store = None
        self.busy_us = 0

    def on_busy(self, us):
        self.busy_us += us

    def power_on(self, blocks=BLOCKS, **options):
        gc.collect()
        self.flash = FileFlash(self.path, blocks=blocks, on_busy=self.on_busy, fault=Fault(), **options)
        return self.flash

    def start(self):
        """Mount and open the store, as the hub does at boot."""
        mount(self.power_on(), "/flash")
        self.store = LfsStore("/flash", "store")
        return self.store

    def power_off(self):
        try:
            vfs.umount("/flash")
        except OSError as error:
            if error.args[0] != errno.EINVAL:
                raise
        self.flash.close()

    def blank(self):
        try:
            os.remove(self.path)
        except OSError as error:
            if error.args[0] != errno.ENOENT:
                raise

    def save(self):
        with open(self.path, "rb") as file:
            self.image = file.read()

    def restore(self):
        with open(self.path, "wb") as file:
            file.write(self.image)


def errno_of(call, *arguments):
    """The errno that the call raises, or None."""
    try:
        call(*arguments)
    except OSError as error:
        return error.args[0]
    return None


def run(cases):
    """Run the case named on the command line, in the folder named after it; print what it saw as one JSON object."""
    seen = cases[sys.argv[1]](Bench(sys.argv[2]))
    # A file that a power cut left open prints an error when it is collected, also at the VM's end: ours is marked.
    print("RESULT " + json.dumps(seen))
