"""chf-reference: runs the firmware out of firmware.img, which is one file so that it changes in one rename."""

import hashlib
import io
import machine
import os
import sys
import time
import vfs
from binascii import hexlify

ROOT = os.getcwd().rstrip("/")
IMAGE = ROOT + "/firmware.img"
MOUNT = "/chf.img"
AGAIN_MS = 3_000
HEAD = 20  # "chf-image 1 " and the index's length in 7 digits, then "\n"; the index: "\n/PATH START SIZE" for each


class Part(io.IOBase):
    """One module of the image, for the importer."""

    def __init__(self, start, size):
        self._file = open(IMAGE, "rb")  # noqa: SIM115  # the importer closes it
        self._file.seek(start)
        self._left = size

    def readinto(self, buf):
        n = self._file.readinto(memoryview(buf)[: min(len(buf), self._left)])
        self._left -= n
        return n

    def ioctl(self, request, _argument):
        if request == 4:  # close
            self._file.close()
        return 240 if request == 11 else 0  # 11: the importer asks how much to read at once


def digest(start, size):
    """SHA-256 in hex of one module."""
    with open(IMAGE, "rb") as file:
        file.seek(start)
        return hexlify(hashlib.sha256(file.read(size)).digest())


class Image:
    """A read-only filesystem. The file is opened anew for each module: a board may mount its flash anew meanwhile."""

    def __init__(self):
        with open(IMAGE, "rb") as file:
            head = file.read(HEAD)
            if head[:12] != b"chf-image 1 ":
                raise OSError("firmware.img is no image for this main.py: flash the board again")
            self._index = file.read(int(head[12:]))

    def mount(self, _readonly, _mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        path = b"\n" + path.encode()
        if self._index.find(path + b"/") >= 0:
            return (0x4000,) + (0,) * 9
        if self._index.find(path + b" ") >= 0:
            return (0x8000,) + (0,) * 9
        raise OSError(2)

    def open(self, path, _mode):
        path = b"\n" + path.encode() + b" "
        at = self._index.find(path)
        if at < 0:
            raise OSError(2)
        start, size, *sha = self._index[at + len(path) :].split(b"\n", 1)[0].split()
        if sha and sha[0] != digest(int(start), int(size)):
            raise ImportError("damaged")  # nothing would catch what damaged machine code does
        return Part(int(start), int(size))


try:
    vfs.mount(Image(), MOUNT)
    sys.path.insert(0, MOUNT)
    __import__("main")
except Exception as error:  # supply may have flickered while it was read: a hub that stays at its REPL alerts nobody
    sys.print_exception(error)
    time.sleep_ms(AGAIN_MS)  # Ctrl-C opens the REPL
    machine.reset()
