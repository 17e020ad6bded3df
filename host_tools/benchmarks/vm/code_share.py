"""What the firmware's code takes of the heap, everything imported: alone, and with the virtual board's own adapter."""

import gc
import json


def allocated():
    gc.collect()
    return gc.mem_alloc()


def main():
    before = allocated()
    import chf.core.boot
    import chf.shell  # noqa: F401

    firmware = allocated() - before
    import hub_board  # noqa: F401
    import stepped  # noqa: F401

    print("RESULT " + json.dumps({"firmware": firmware, "board": allocated() - before - firmware}))


main()
