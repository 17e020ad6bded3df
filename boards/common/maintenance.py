"""Maintenance mode: the REPL in place of the hub, with no watchdog running, so that files can be copied in peace.

An armed watchdog cannot be stopped (RP2), and while the hub runs no Ctrl-C reaches it. So the way in leads through a
boot, before the watchdog is armed: the maintenance pin held low, or a file `maintenance` beside main.py, or Ctrl-C in
the first seconds. The file counts once: a board that is forgotten with it comes back as a hub at its next reset.
"""

import micropython
import os
from time import sleep_ms

FILE = "maintenance"
WINDOW_MS = 2_000  # after a reset a host needs up to a second to find the USB port again


def wanted(root, held):
    """Whether this boot is to end in the REPL; takes WINDOW_MS where it is not.

    root: folder of main.py. held: the maintenance pin is low.
    """
    if not held:
        held = _asked(root + "/" + FILE)
    if not held:
        try:
            sleep_ms(WINDOW_MS)
        except KeyboardInterrupt:
            held = True
    if not held:
        # From here on a 0x03 is an octet like others, on nrf's UART too: a corrupted one must not end the hub.
        micropython.kbd_intr(-1)
    else:
        print("maintenance: the REPL is open and no watchdog runs; reset the board and it is a hub again")
    return held


def _asked(path):
    try:
        os.remove(path)
    except OSError:
        return False
    return True
