"""The tables of chtool triage: on a terminal for people, plain lines with tabs in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from host_tools.cli import output
from host_tools.dno import reasons as why
from host_tools.dno import result
from host_tools.dno.triage import ISOLATED_MOST, Triage

NUMBERS = ("windows", "hubs", "outages", "activations", "open")


def show(found: Triage, top: int) -> None:
    """All of them. top: rows of the lists that go on and on."""
    if sys.stdout.isatty():
        from rich.text import Text

        output.console().print(Text(result.headline(found)))
    else:
        print(result.headline(found))
    if not found.outages.height:
        return
    _by_class(found)
    kinds = [[str(row["kind"]), *(f"{row[name]:,}" for name in NUMBERS)] for row in result.by_kind(found)]
    _table(f"By 3-minute window (isolated: {ISOLATED_MOST} hubs or fewer; mass: more)", ("kind", *NUMBERS), kinds)
    mass = found.windows.filter(found.windows["mass"]).sort("hubs", "window", descending=[True, False])
    if mass.height and top:
        lines = [
            [result.time_text(row["start_ms"]), *(f"{row[name]:,}" for name in NUMBERS[1:])]
            for row in mass.head(top).iter_rows(named=True)
        ]
        _table("Mass losses, the largest first", ("window from", *NUMBERS[1:]), lines)
        _more(mass.height - top)
    left = result.unrestored(found)
    if left.height and top:
        _unrestored(result.named(left.head(top), found.as_of_ms).to_dicts())
        _more(left.height - top)


def _by_class(found: Triage) -> None:
    rows = result.by_reason(found).to_dicts()
    reasons = [why.REASONS[row["reason"]] for row in rows]
    names = [why.CLASSES[row["class"]] for row in rows]
    numbers = [[f"{row[name]:,}" for name in ("outages", "open")] for row in rows]
    title = "By class (open: no restoration has followed)"
    if not sys.stdout.isatty():
        lines = [
            [name, reason.sentence, reason.treat_as, *counts]
            for name, reason, counts in zip(names, reasons, numbers, strict=True)
        ]
        output.print_rows(title, ("class", "why", "treat as", "outages", "open"), lines)
        return
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    cells = [
        [
            Group(Text(name), Padding(Text(reason.sentence, "dim"), (0, 0, 0, 2))),
            Text(reason.treat_as),
            *map(Text, counts),
        ]
        for name, reason, counts in zip(names, reasons, numbers, strict=True)
    ]
    _rich_table(title, ("class, and why", "treat as", "outages", "open"), cells)


def _unrestored(rows: Sequence[dict]) -> None:
    lines = [
        [row["hub"], row["since"].replace(".000Z", "Z"), result.span_text(row["open_s"]), row["class"]] for row in rows
    ]
    _table("AD1 that no restoration has followed, the longest first", ("hub", "since", "for", "class"), lines)


def _more(left: int) -> None:
    if left > 0:
        print(f"... and {left:,} more: --json lists them all, --top N shows more.")


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        output.print_rows(title, columns, rows)
        return
    from rich.text import Text

    _rich_table(title, columns, [[Text(cell) for cell in row] for row in rows])


def _rich_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="cyan")
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)  # type: ignore[arg-type]
    print()
    output.console().print(table)
