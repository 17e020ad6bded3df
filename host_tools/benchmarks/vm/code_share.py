"""What the firmware's code takes of the heap, everything imported: alone, and with the virtual board's own adapter."""

import gc
import json


def allocated():
    gc.collect()
    return gc.mem_alloc()


def main():
    before = allocated()
    # By modules' names alone: all others are the build's.
    import chf.core.boot
    import chf.shell

    firmware = allocated() - before
    import hub_board
    import stepped

    if not (chf.shell and hub_board and stepped):  # in use: a linter would leave the imports out
        raise ValueError
    print("RESULT " + json.dumps({"firmware": firmware, "board": allocated() - before - firmware}))


main()
