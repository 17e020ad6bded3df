"""How results reach a person or a program: tables on a terminal, plain lines in a pipe, JSON when asked for."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from host_tools.deploy.provisioning import read_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.names import Named, show

SECONDS_MOST = 315_360_000  # 10 years
as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
keys = click.option(
    "--keys",
    "identity",
    metavar="FILE",
    callback=lambda ctx, param, value: None if value is None else read_identity(Path(value)),
    help="Identity file of the hub (chtool provision). Default: the virtual hub's.",
)
url = click.argument("url")


class Seconds(click.ParamType):
    """A finite number of seconds, from `least` to `most`."""

    name = "seconds"

    def __init__(self, least: float = 0, most: float = SECONDS_MOST) -> None:
        self.least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises click.BadParameter."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self.least <= number <= self.most:  # nan is not either
            self.fail(f"{str(value)[:40]!r} is no number of seconds from {self.least:,} to {self.most:,}.", param, ctx)
        return number


def seconds(name: str, text: str) -> Callable[[Any], Any]:
    """An option that takes a number of seconds from 0 on."""
    return click.option(name, "for_s", type=Seconds(), metavar="SECONDS", help=text)


def look_at(path: Path, make_folder: bool = False) -> None:
    """Before long work whose result goes there. Raises BenchError, code 2, where the file cannot be written."""
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("ab", buffering=0) as file:
            if not path.is_file():  # a device says only then that it takes nothing
                file.write(b"\n")
        if new:
            path.unlink()
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None


def console() -> Any:
    """Where tables go: no markup, no colour where NO_COLOR is set or the output is no terminal."""
    from rich.console import Console  # here: a command that prints JSON need not wait for it

    return Console(markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2))


def print_fields(title: str, fields: Iterable[tuple[str, str]]) -> None:
    """Names and values: a table on a terminal, else "name<TAB>value" lines."""
    if not sys.stdout.isatty():
        for name, value in fields:
            print(f"{name}\t{value}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_header=False, title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        table.add_row(Text(name), Text(value))
    console().print(table)


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal, else a line of names and a line for each row, their cells between tabs."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", header_style="cyan")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def shown(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """A message's fields as people read them."""
    return [(name.replace("_", " "), show(name, value)) for name, value in fields.items()]


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """A message's fields for JSON: names where there are any, octets in hex."""
    return {name: plain_value(value) for name, value in fields.items()}


def plain_value(value: Any) -> Any:
    """One value for JSON."""
    if isinstance(value, bytes):
        return value.hex()
    return value.name if isinstance(value, Named) else value
