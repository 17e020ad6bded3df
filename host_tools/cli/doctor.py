"""chtool doctor: whether a real board's MicroPython has all that its adapter uses."""

from __future__ import annotations

import sys

import click

from host_tools.cli import output
from host_tools.cli.flash import watching
from host_tools.errors import EXIT_FAILED


@click.command()
@click.argument("port", required=False)
@click.option("--board", metavar="NAME", help="Default: what the board says that it is.")
@output.as_json
def doctor(port: str | None, board: str | None, json_wanted: bool) -> None:
    """Ask the board at PORT, over its REPL, for all that its adapter uses; exit code 1 where something is missing.

    A hub that runs there is restarted into its REPL, and is a hub again afterwards.
    """
    from host_tools.checks.doctor import examine

    with watching() as watcher:
        found = examine(board, port, watcher)
    if json_wanted:
        output.print_json(vars(found))
    else:
        for name in found.missing:
            print(f"MISSING  {name}")
        lacking = f"{len(found.missing)} missing" if found.missing else "none missing"
        print(f"{found.board} at {found.port}, MicroPython {found.micropython}: {found.asked} asked for, {lacking}")
        if found.framer:
            print(f"Its framer runs {'as machine code' if found.framer == 'native' else 'in bytecode'}.")
    if found.missing:
        sys.exit(EXIT_FAILED)
