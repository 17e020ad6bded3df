"""Runs on the MicroPython VM: power fails at every flash operation of the rename that changes the firmware."""

import json
import sys
import vfs

import flasher

from boards.virtual.flash import FileFlash

BLOCKS = 24
folder = sys.argv[1]


class Cut(Exception):
    pass


class Fault:
    def power_cut(self):
        raise Cut


def mounted(path, cut_after=None):
    flash = FileFlash(path, BLOCKS, fault=Fault())
    try:
        filesystem = vfs.VfsLfs2(flash, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=256)
        filesystem = vfs.VfsLfs2(flash, progsize=256)
    vfs.mount(filesystem, "/flash")
    flash.cut_after = cut_after
    return flash


def copy(source, target):
    with open(source, "rb") as file, open(target, "wb") as copied:
        for _ in range(BLOCKS):
            copied.write(file.read(4096))


def name_of(image):
    with open(image, "rb") as file:
        return file.read()


before, path = folder + "/before.bin", folder + "/flash.bin"
old, new = b"old" * 2000, b"new" * 3000
flash = mounted(before)
for name, content in (("firmware.img", old), ("firmware.new", new), ("main.py", b"main"), ("main.new", b"other")):
    with open("/flash/" + name, "wb") as file:
        file.write(content)
vfs.umount("/flash")
flash.close()

found = []
cut = 0
while True:
    copy(before, path)
    flash = mounted(path, cut)
    ended = True
    try:
        flasher.switch("/flash/", "firmware.new", "firmware.img")
    except Cut:
        ended = False
    except OSError:
        ended = False
    vfs.umount("/flash")
    flash.close()
    flash = mounted(path)
    image = name_of("/flash/firmware.img")
    found.append("old" if image == old else "new" if image == new else "neither")
    vfs.umount("/flash")
    flash.close()
    if ended:
        break
    cut += 1
print("RESULT " + json.dumps({"cuts": cut, "found": found}))
