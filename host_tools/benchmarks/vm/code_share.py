"""What the firmware's code takes of the heap for as long as a hub runs: alone, and with the virtual board's adapter."""

import gc
import json


def allocated():
    gc.collect()
    return gc.mem_alloc()


def main():
    before = allocated()
    # By modules' names alone: all others are the build's. What only a boot needs is given back.
    import chf.shell
    import chf.strap

    firmware = allocated() - before
    import hub_board
    import stepped

    if not (chf.shell and chf.strap and hub_board and stepped):  # in use: a linter would leave the imports out
        raise ValueError
    print("RESULT " + json.dumps({"firmware": firmware, "board": allocated() - before - firmware}))


main()
