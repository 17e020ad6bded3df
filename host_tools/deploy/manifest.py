"""Freezes a hub into MicroPython itself, for one board: CHF_BOARD=pico make BOARD=RPI_PICO FROZEN_MANIFEST=...

MicroPython's build reads it and defines freeze(), module() and what starts with "$(": its tools/manifestfile.py. Of the
port's own modules it takes what makes and mounts the filesystem; include() the port's manifest here for the rest.
"""

import os
import sys
from pathlib import Path

HERE = Path.cwd()  # manifestfile.py goes to the folder of the file that it reads
sys.path.insert(0, str(HERE.parents[1]))

from host_tools import boards  # noqa: E402
from host_tools.deploy.firmware_build import BuildError, sources  # noqa: E402
from host_tools.errors import BenchError  # noqa: E402

# Port: its folder of modules that run before main.py.
OWN = {"rp2": "modules", "esp32": "modules", "nrf": "modules/scripts"}
ASSERTS_OUT = 2  # and line numbers stay: they cost flash, no heap

try:
    name = os.environ.get("CHF_BOARD", "")
    if name != "virtual":
        port = boards.load(name).data["micropython"]["stubs"].split("-")[1]
        freeze(f"$(PORT_DIR)/{OWN[port]}")  # type: ignore[name-defined]  # noqa: F821
    files = sources(name)
except (BenchError, BuildError) as error:
    raise SystemExit(f"CHF_BOARD must name a board: {error}") from None
for target, path in files.items():
    base = str(path)[: -len(target)]
    module(target, base_path=base, opt=ASSERTS_OUT)  # type: ignore[name-defined]  # noqa: F821
