"""A board's store: on the filesystem that MicroPython mounts at boot, mounted anew with larger pages where need be."""

import os

from lfs_store import LfsStore, mount

_EIO = 5


class LostStore:
    """A store port where there is no storage: everything fails, and the hub alerts without a journal."""

    def read(self, name):
        raise OSError(_EIO)

    def append(self, name, data):
        raise OSError(_EIO)

    def replace(self, name, pieces):
        raise OSError(_EIO)


def open_store(root, folder):
    """The store port on root/folder; a LostStore where the filesystem fails."""
    try:
        return LfsStore(root, folder)
    except OSError:
        return LostStore()


def remount(bdev, mount_point, progsize):
    """Mount bdev anew with pages of progsize octets: files of up to four pages then live in their folder's metadata.

    Stock MicroPython takes 32, and then nearly each append would erase a block. Where this fails the flash stays as
    MicroPython mounts it: slower, and worn sooner.
    """
    import vfs

    vfs.umount(mount_point)
    try:
        mount(bdev, mount_point, progsize)
    except OSError:
        vfs.mount(bdev, mount_point)
    os.chdir(mount_point)


def exists(path):
    """Whether there is such a file; not where the filesystem fails."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True
