"""What the firmware's code takes of the heap, everything imported: alone, and with the virtual board's own adapter."""

import gc
import json


def allocated():
    gc.collect()
    return gc.mem_alloc()


def main():
    before = allocated()
    from chf.core import boot
    from chf.shell import Shell

    firmware = allocated() - before
    from hub_board import open_board
    from stepped import SteppedClock

    # In use, or the build would leave their imports out.
    if not (boot and Shell and open_board and SteppedClock):
        raise ValueError
    print("RESULT " + json.dumps({"firmware": firmware, "board": allocated() - before - firmware}))


main()
