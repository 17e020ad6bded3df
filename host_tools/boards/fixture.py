"""The fixture board: its rig.toml, the files that go onto it, its page: `python -m host_tools.boards.fixture`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

from host_tools.boards.attributes import adapter
from host_tools.boards.fixture_drawing import draw
from host_tools.errors import EXIT_FAILED
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
    """Path on the device (with .py) -> source."""
    found = {f"chf/{name}.py": root("firmware") / "chf" / f"{name}.py" for name in _CHF}
    own = {f"{name}.py": path for name, path in adapter(BOARD).items() if name != MAIN}
    return {**found, **own, "main.py": root("boards") / BOARD / f"{MAIN}.py"}


def page(data: dict[str, Any]) -> str:
    """README.md."""
    header, through, goes_to = data["header"], data["through"], data["goes_to"]
    rows = "\n".join(f"| `{name}` | {header[name]} | {through[name]} | {goes_to[name]} |" for name in data["pins"])
    checks = "\n".join(
        f"{place}. {entry['check']}:\n\n   `{entry['command']}`" for place, entry in enumerate(data["silicon"], 1)
    )
    python = data["micropython"]
    return f"""<!-- Made from rig.toml: python -m host_tools.boards.fixture -->
# {data["board"]["title"]}

A second board that plays the meter's interface to the hub under test: it switches the 12 V line, drives AC_LO and
MT_PR, gives the voltage at the hold-up input and cuts the hub's power, at the word of the host. With it the suite
judges what the soft rig can't: the pins, the ADC, and a hub that dies.

**Not tried on silicon.** It is checked against MicroPython's stubs for this board; its program runs in the tests on
MicroPython's unix VM, its pins wired to a virtual hub's lines.

**Never connect it to an installed meter, nor to the mains.** It takes the meter's place, on a bench, with a 12 V supply
of 0.5 A.

![Wiring: two high-side switches, two open-drain lines and a filtered level, from fixture board to hub](wiring.svg)

| name | on the board | through | to |
|---|---|---|---|
{rows}

One ground for both boards and the 12 V supply. The fixture's 5 V comes over its own USB cable; the hub's USB cable has
its +5 V wire cut, or the hub never loses its power. Both switches are off while a pin floats, so a fixture board that
starts, is bitten by its watchdog or is unplugged leaves the hub off; the host sees that it has restarted and says so.

The hold-up capacitor is not there: the host works out how it drains (`host_tools/virtual/supply.py`), gives its voltage
to the hub's ADC, and cuts the power where it ends. So a scenario needs no hour to charge 10 F, and `chtool budget`
measures the real one without the fixture.

What it lacks: a cut at a given octet (capability `send-cut`), flash faults, the bench strap, time that is not real.

## Put it onto a Pico

MicroPython `{python["build"]}`, from {python["least"]} to below {python["below"]}.

    inv flash --board {BOARD} --uf2 {data["install"]["file"].replace("*", "x")}   # a bare chip: MicroPython first
    inv flash --board {BOARD} --port /dev/ttyACM1    # only what changed is copied, checked by SHA-256

It ends with what the fixture board says of itself, and what it can drive. It is flashed as a hub is: the version of
MicroPython and the room are checked first, and interrupted at any file it starts the old program or the new one, whole.
A bare Pico, a hub's and this one look alike on USB: with two of them give `--port`. What is a hub already becomes a
fixture board only with `--replace`. An update restarts it, which takes supply and power from the hub under test: unplug
it and plug it in when you are asked to.

Then `--rig /dev/ttyACM1` where a rig is asked for. The messages: [SPEC.md](../../firmware/chf/wire/SPEC.md), annex B.

## Checks that need the silicon

`/dev/ttyACM0` stands for the hub's port, `/dev/ttyACM1` for the fixture's.

{checks}
"""


def made() -> dict[Path, str]:
    """Path -> content of all that is made from rig.toml."""
    folder = root("boards") / BOARD
    data = load()
    return {folder / "README.md": page(data), folder / "wiring.svg": draw(data)}


def main() -> int:
    try:
        for path, content in made().items():
            path.write_text(content, encoding="utf-8", newline="\n")
            print(f"boards/{BOARD}/{path.name}")
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
