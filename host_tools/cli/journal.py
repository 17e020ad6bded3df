"""chtool journal and log: the hub's own records, one by one, or as the outages that they add up to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chf.core.limits import Config
from chf.journal.records import ACKED_AD1, ACKED_RESTORED
from chf.wire import schema as s
from host_tools import frames
from host_tools.cli import event_log, output
from host_tools.cli.records import Journals, from_source
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.names import utc_text
from host_tools.story.explain import JournalFile, Story, outages, row_name, tell

_SHOWN_DIGITS = 16  # of an id: boot and outage number; chtool explain takes them
source_url = click.argument("url", required=False)
source_file = click.option(
    "--file", "path", type=click.Path(path_type=Path), help="A journal file or a flash image instead of a hub."
)


@click.command()
@source_url
@source_file
@output.as_json
def journal(url: str | None, path: Path | None, json_wanted: bool) -> None:
    """Every record of the journal of the hub at URL, oldest first; its keys are blanked."""
    read = from_source(url, path)
    if json_wanted:
        output.print_json({"counters": _file_json(read.counters), "outages": _file_json(read.outages)})
        return
    for name, file in (("counters", read.counters), ("outages", read.outages)):
        trouble = (["damaged"] if file.damaged else []) + ([f"{file.torn} octets torn off"] if file.torn else [])
        print(f"{name}: {len(file.records)} records{''.join(', ' + word for word in trouble)}")
        for record in file.records:
            print("  " + frames.describe_record(record))


def _file_json(file: JournalFile) -> dict[str, Any]:
    listed = [{"name": record.name, "fields": output.plain(record.fields)} for record in file.records]
    return {"damaged": file.damaged, "torn": file.torn, "records": listed}


@click.command()
@source_url
@source_file
@click.option("--wan", is_flag=True, help="Read the hub's event log as its head-end does: it needs no strap.")
@output.keys
@click.option("--live", is_flag=True, help="With --wan: live keys, the hub has no bench strap.")
@output.as_json
def log(
    url: str | None, path: Path | None, wan: bool, identity: dict[str, Any] | None, live: bool, json_wanted: bool
) -> None:
    """The outages in the journal of the hub at URL, oldest first, each with how it was decided.

    --wan shows those that were decided, 16 at most, from the log that every hub gives to its head-end.
    """
    if wan:
        _wan_log(url, path, identity, live, json_wanted)
        return
    if live or identity is not None:
        raise BenchError("--keys and --live go with --wan.", EXIT_USAGE)
    read = from_source(url, path)
    rows = [_row(tell(one, read.counters, read.outages, Config(bytes(8), bytes(8))), read) for one in _ids(read)]
    if json_wanted:
        output.print_json(rows)
        return
    columns = ("ends in", "lost", "out for", "decided", "acknowledged")
    output.print_rows("Outages", columns, [_cells(row) for row in rows])


def _wan_log(
    url: str | None, path: Path | None, identity: dict[str, Any] | None, live: bool, json_wanted: bool
) -> None:
    if url is None or path is not None:
        raise BenchError("--wan needs a hub's URL, and no file.", EXIT_USAGE)
    rows = [event_log.row(entry, row_name) for entry in event_log.over_wan(url, identity, live)]
    if json_wanted:
        output.print_json(rows)
        return
    columns = ("ends in", "lost", "out for", "decided", "source")
    output.print_rows("Event log", columns, [[*_cells({**row, "acked": []})[:4], row["source"]] for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    out_for = row["out_s"] if isinstance(row["out_s"], str) else f"{row['out_s']} s"
    decided = "nothing" if row["row"] == "none" else f"{row['level']} ({row['row']})"
    return [row["id"][-_SHOWN_DIGITS:], row["lost"], out_for, decided, ", ".join(row["acked"]) or "nothing"]


def _ids(read: Journals) -> list[bytes]:
    return outages(read.outages.records)


def _row(story: Story, read: Journals) -> dict[str, Any]:
    told = story.decisions[-1].told if story.decisions else None
    own = [record for record in read.outages.records if record.fields.get("id") == story.id]
    lost = next((record.fields["utc"] for record in own if record.name == "loss"), s.NO_UTC)
    lost = told["loss_utc"] if told else lost
    acked = [record.fields for record in own if record.name == "acked"]
    words = [f"AD1 {one['revision']}" for one in acked if one["what"] == ACKED_AD1][-1:]
    words += ["restoration" for one in acked if one["what"] == ACKED_RESTORED][-1:]
    return {
        "id": story.id.hex(),
        "lost": utc_text(lost),
        "out_s": "unknown" if story.duration_s is None else story.duration_s,
        "over": story.over,
        "level": str(told["level"]) if told else "none",
        "cause": str(told["cause"]) if told else "none",
        "row": row_name(told["row"]) if told else "none",
        "acked": words,
    }
