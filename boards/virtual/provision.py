"""Writes the identity file onto a virtual board's flash: run once by the rig, before the first power-on."""

import os
import sys

from flash import FileFlash
from hub_board import IDENTITY, MOUNT, PROG_OCTETS
from lfs_store import mount

mount(FileFlash(os.getenv("CHF_FLASH")), MOUNT, PROG_OCTETS)
with open(IDENTITY, "w") as file:
    file.write(sys.stdin.read())
