"""chtool explain: one outage as a story, and the nearest change that would have ended it otherwise."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import click

from chf.core.limits import Config
from host_tools.cli import output
from host_tools.cli.journal import source_file, source_url
from host_tools.cli.records import from_source
from host_tools.link import own_rig
from host_tools.story.explain import COUNTED, Fact, Story, choose, outages, tell

DEFAULTS = "The energy parameters are the firmware's defaults: give the hub's own with --keys FILE."


def _config(identity: dict | None, url: str | None) -> Config:
    values = {name: value for name, value in (identity or {}).items() if name in own_rig.CONFIG}
    if url is not None and own_rig.brings_rig(url):
        values |= own_rig.options_of(url)[1]
    return Config(bytes(8), bytes(8), **values)


@click.command()
@click.argument("outage")
@source_url
@source_file
@output.keys
@output.as_json
def explain(outage: str, url: str | None, path: Path | None, identity: dict | None, json_wanted: bool) -> None:
    """Tell OUTAGE (the end of its id, or last) from the journal of the hub at URL, or of a FILE.

    Each fact with when it happened and when it became durable, in seconds after the loss; the policy row that decided;
    and what would have flipped that decision, the nearest change first, found by the firmware's own policy and energy.
    """
    read = from_source(url, path)
    story = tell(choose(outage, outages(read.outages.records)), read.counters, read.outages, _config(identity, url))
    if identity is None and any(flip.dimension in ("hold-up", "window") for flip in story.flips):
        story.notes.append(DEFAULTS)
    if json_wanted:
        output.print_json(_json(story))
    else:
        _print(story)


def _json(story: Story) -> dict[str, Any]:
    return {
        "id": story.id.hex(),
        "duration_s": story.duration_s,
        "over": story.over,
        "facts": [fact._asdict() for fact in story.facts],
        "decisions": [
            {**output.plain(one.told), "row": one.row.name if one.row else one.told["row"], "reason": _reason(one.row)}
            for one in story.decisions
        ],
        "flips": [
            {"dimension": flip.dimension, "amount": flip.amount, "unit": flip.unit, "sentence": flip.sentence}
            for flip in story.flips
        ],
        "notes": story.notes,
    }


def _reason(row: Any) -> str | None:
    return None if row is None else row.reason


def _print(story: Story) -> None:
    from rich.text import Text

    console = output.console()
    say = console.print
    say(Text(f"Outage {story.id.hex()}", style="bold"))
    output.print_rows("What the journal holds", ("at", "durable", "what"), _told(story.facts))
    if story.flips:
        say(Text("What would have flipped it, the nearest first", style="bold"))
        for flip in story.flips:
            say(Text(f"  {flip.sentence}"))
    elif not story.decisions:
        say(Text("Nothing was decided yet."))
    for note in story.notes:
        say(Text(note, style="dim"))


def _told(facts: list[Fact]) -> list[tuple[str, str, str]]:
    """A row for each fact; one for a run of those that only count on."""
    rows = []
    for kind, run in itertools.groupby(facts, key=lambda fact: fact.kind):
        run_facts = list(run)
        if kind == COUNTED and len(run_facts) > 1:
            first, last = run_facts[0].at_s, run_facts[-1].at_s
            text = f"Still out: counted {len(run_facts)} times, from {first} s to {last} s."
            rows.append((f"{_when(first)}..", f"{_when(first)}..", text))
        else:
            rows += [(_when(fact.at_s), _when(fact.durable_s), fact.text) for fact in run_facts]
    return rows


def _when(at_s: int | None) -> str:
    return "" if at_s is None else f"{at_s:+d} s"
