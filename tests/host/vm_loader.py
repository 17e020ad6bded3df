"""Runs on the MicroPython VM: main.py of a board with an image beside it, as a board does at its start."""

import os
import sys

os.chdir(sys.argv[1])
sys.path[:] = ["", ".frozen"]
with open("main.py") as file:
    exec(file.read(), {"__name__": "__main__"})
