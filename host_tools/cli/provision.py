"""chtool provision: an identity file, made once for one hub, that only its owner reads."""

from __future__ import annotations

from pathlib import Path

import click

from host_tools import boards
from host_tools.cli import output
from host_tools.deploy.provisioning import new_identity, write_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.own_rig import CONFIG, POLICIES, number_of

_EUI_DIGITS = 16
RANGES = {  # as firmware/DESIGN.md gives them; the hub itself takes more
    "capacitance_mf": (0, 50_000),
    "holdup_min_mv": (0, 10_000),
    "dying_mv": (0, 10_000),
    "load_mw": (1, 100_000),
    "send_mj": (1, 100_000),
    "margin_mj": (0, 100_000),
}


def _eui(name: str, text: str) -> str:
    digits = text.replace("-", "").replace(":", "").lower()
    if len(digits) != _EUI_DIGITS or any(c not in "0123456789abcdef" for c in digits):
        raise BenchError(f"'{text}' is no EUI-64 of a {name}: give 16 hex digits.", EXIT_USAGE)
    return digits


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--hub", metavar="EUI64", help="The hub's. Default: a random one.")
@click.option("--esme", metavar="EUI64", help="The meter's. Default: a random one.")
@click.option("--board", metavar="NAME", help="Take what hangs on that board (holdup_min_mv, dying_mv) from its page.")
@click.option("--set", "config", metavar="NAME=VALUE", multiple=True, help=f"One of {', '.join(CONFIG)}.")
@output.as_json
def provision(
    file: Path, hub: str | None, esme: str | None, board: str | None, config: tuple[str, ...], json_wanted: bool
) -> None:
    """Make FILE, an identity with new random keys, mode 0600. Keys are never shown; an existing file stays as it is."""
    values: dict[str, int] = {} if board is None else boards.config_of(boards.load(board).data)
    shown = {name: str(value) for name, value in values.items()}
    for one in config:
        name, _, text = one.partition("=")
        if name not in CONFIG:
            raise BenchError(f"There is no parameter '{name}': it is one of {', '.join(CONFIG)}.", EXIT_USAGE)
        values[name] = number_of(name, text)
        least, most = RANGES.get(name, (0, max(POLICIES.values())))
        if not least <= values[name] <= most:
            raise BenchError(f"{name}={text} does not fit: it goes from {least:,} to {most:,}.", EXIT_USAGE)
        shown[name] = text
    identity = new_identity(**values)
    for name, eui in (("hub", hub), ("esme", esme)):
        if eui is not None:
            identity[name] = _eui(name, eui)
    write_identity(file, identity)
    told = {"file": str(file), "hub": identity["hub"], "esme": identity["esme"], **shown}
    if json_wanted:
        output.print_json(told)
    else:
        output.print_fields("Identity", told.items())
