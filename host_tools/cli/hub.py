"""chtool identify, state, restart, trace: one question to one hub."""

from __future__ import annotations

from typing import Any

import click

from chf.core import states
from host_tools.cli import output
from host_tools.link.connect import open_client
from host_tools.link.own_rig import brings_rig, simulated_in
from host_tools.names import drop_counts, utc_text

DAMAGE = ("counter journal", "outage journal", "last write")


@click.command()
@output.url
@output.as_json
def identify(url: str, json_wanted: bool) -> None:
    """Who the hub at URL is: EUI-64s, firmware, board, strap."""
    with open_client(url) as client:
        fields = client.identify()
    text = fields["text"].decode("utf-8", "replace")
    if json_wanted:
        output.print_json({**output.plain(fields), "text": text})
        return
    lines = [(name, value) for name, value in output.shown(fields) if name != "text"]
    output.print_fields("Hub", [("runs", ascii(text)[1:-1]), *lines])


@click.command()
@output.url
@output.as_json
def state(url: str, json_wanted: bool) -> None:
    """What the hub at URL sees and thinks now. Its bench strap must be fitted."""
    with open_client(url) as client:
        fields = client.state()
    phases = states.PHASES.split()
    phase = phases[fields["phase"]] if fields["phase"] < len(phases) else str(fields["phase"])
    damaged = [name for bit, name in enumerate(DAMAGE) if fields["damaged"] >> bit & 1]
    simulated = {"simulated": simulated_in(url)} if brings_rig(url) else {}
    if json_wanted:
        values = {**output.plain(fields), "phase": phase, "damaged": damaged, "drops": drop_counts(fields["drops"])}
        values["utc"] = utc_text(fields["utc"]) if fields["utc"] else None
        output.print_json({**values, **simulated})
        return
    words = {"phase": phase, "damaged": ", ".join(damaged) or "none"}
    lines = [(name, words.get(name, value)) for name, value in output.shown(fields)]
    output.print_fields("State", [*lines, *simulated.items()])


@click.command()
@output.url
@click.option("--watchdog", is_flag=True, help="Starve the watchdog instead of a clean restart.")
@output.as_json
def restart(url: str, watchdog: bool, json_wanted: bool) -> None:
    """Restart the hub at URL. Its bench strap must be fitted."""
    with open_client(url) as client:
        client.restart(watchdog)
    if json_wanted:
        output.print_json({"restarting": True, "by": "watchdog" if watchdog else "reset"})
    else:
        print("The hub stops feeding its watchdog." if watchdog else "The hub restarts.")


@click.command()
@output.url
@output.as_json
def trace(url: str, json_wanted: bool) -> None:
    """The last things that happened in the core of the hub at URL. Its bench strap must be fitted."""
    with open_client(url) as client:
        lost, entries = client.trace()
    if json_wanted:
        listed: list[dict[str, Any]] = [entry._asdict() for entry in entries]
        output.print_json({"lost": lost, "entries": listed})
        return
    if lost:
        print(f"{lost} earlier entries are lost.")
    for entry in entries:
        print(entry.describe())
