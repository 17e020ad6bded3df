"""The fixture board: what its rig.toml says, which files go onto it, and its page."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from host_tools.boards.attributes import adapter
from host_tools.locate import root

BOARD = "rig_pico"
FILE = "rig.toml"
MAIN = "rig_main"  # goes onto the board as main.py
_CHF = (
    "__init__",
    *(f"wire/{name}" for name in ("__init__", "framing", "codec", "schema", "endpoint", "outbox")),
)


def load() -> dict[str, Any]:
    """rig.toml."""
    return tomllib.loads((root("boards") / BOARD / FILE).read_text(encoding="utf-8"))


def files() -> dict[str, Path]:
    """Path on the device -> source, in the order in which folders must be made: chf first, main.py last."""
    found = {f"chf/{name}.py": root("firmware") / "chf" / f"{name}.py" for name in _CHF}
    own = {f"{name}.py": path for name, path in adapter(BOARD).items() if name != MAIN}
    return {**found, **own, "main.py": root("boards") / BOARD / f"{MAIN}.py"}
