"""chtool budget: what a hub draws from its hold-up, and whether its capacitor lasts for 180 s and two sends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from chf.core.limits import Config
from chf.wire import schema as s
from host_tools.cli import output
from host_tools.errors import EXIT_FAILED, EXIT_USAGE, BenchError

if TYPE_CHECKING:
    from host_tools.checks.budget import Budget, Draw

LEAST_S = 40
MOST_S = 160  # a longer outage would come near an alert
WAIT_S = 120.0  # for a person to take the 12 V away
PAUSE_MS = 3_000  # between two looks, each of which writes to the flash


@click.command()
@output.url
@output.keys
@click.option("--capacitance-mf", type=click.IntRange(1, 1_000_000), help="Of the hold-up. Default: the identity's.")
@click.option(
    "--for",
    "for_s",
    type=output.Seconds(LEAST_S, MOST_S),
    default=60.0,
    metavar="SECONDS",
    help=f"How long, {LEAST_S} to {MOST_S}. Default: 60.",
)
@output.as_json
def budget(
    url: str, identity: dict[str, Any] | None, capacitance_mf: int | None, for_s: float, json_wanted: bool
) -> None:
    """Measure what the strapped hub at URL draws while supply is out, and say what its hold-up capacitor is good for.

    The draw is read from the fall of the hold-up voltage, so the capacitance must be known. Exit code 1 where the
    capacitor does not reach 180 s and two sends.
    """
    from host_tools.checks.budget import budget as sums
    from host_tools.checks.budget import draw
    from host_tools.deploy.provisioning import new_identity
    from host_tools.link.own_rig import CONFIG

    own = identity or new_identity(1)
    given = {name: own[name] for name in CONFIG if name in own}
    if capacitance_mf is not None:
        given["capacitance_mf"] = capacitance_mf
    config = Config(bytes(8), bytes(8), **given)
    full_mv, samples = _measure(url, identity, for_s)
    found = draw(samples, config.capacitance_mf)
    told = sums(found.counted_mw, full_mv, config)
    if json_wanted:
        values = {**vars(found), "counted_mw": found.counted_mw, **vars(told), "enough": told.enough}
        output.print_json(values)
    else:
        output.print_fields("Energy budget", _lines(found, told))
    if not told.enough:
        sys.exit(EXIT_FAILED)


def _measure(url: str, identity: dict[str, Any] | None, for_s: float) -> tuple[int, list[tuple[int, int]]]:
    """(hold-up before, samples while supply was out)."""
    from host_tools.checks.budget import Looker, watch
    from host_tools.link.client import Client
    from host_tools.link.connect import connect, open_bench
    from host_tools.link.own_rig import brings_rig

    if brings_rig(url):
        with connect(url, None, identity) as bed:
            look = Looker(Client(bed.bench))
            full_mv = int(look()["holdup_mv"])
            bed.lose_supply(1)
            samples = watch(look, lambda: bed.now_ms, lambda: bed.bench.advance(PAUSE_MS), for_s)
            bed.restore_supply()
        return full_mv, samples
    with open_bench(url, identity) as (bench, speed):
        if speed > 1:
            raise BenchError("A hub in scaled time has a scaled draw: leave speed= out.", EXIT_USAGE)
        client = Client(bench)
        client.rig_set(0, 0)  # a soft rig's own level would be measured
        look = Looker(client)
        full_mv = int(look()["holdup_mv"])
        print(
            f"Take the 12 V away now, within {WAIT_S:.0f} s, and leave it away until told.", file=sys.stderr, flush=True
        )
        end = bench.now_ms + round(WAIT_S * 1000)
        while client.state()["bits"] & s.SENSE_SUPPLY:
            if bench.now_ms > end:
                raise BenchError("The 12 V did not go: nothing was measured.")
            bench.advance(200)
        print(f"Measuring for {for_s:.0f} s.", file=sys.stderr, flush=True)
        try:
            samples = watch(look, lambda: bench.now_ms, lambda: bench.advance(PAUSE_MS), for_s)
        finally:
            look.release()
        print("Give the 12 V back.", file=sys.stderr, flush=True)
    return full_mv, samples


def _lines(found: Draw, told: Budget) -> list[tuple[str, str]]:
    reaches = "yes" if told.enough else "NO"
    least = "none does" if told.least_mf is None else f"{told.least_mf:,} mF"
    return [
        ("draw", f"{found.load_mw:.1f} mW, give or take {found.error_mw:.1f}; counted as {found.counted_mw} mW"),
        ("fall", f"{found.from_mv} to {found.to_mv} mV in {found.seconds:.0f} s"),
        ("capacitor", f"{told.capacitance_mf:,} mF holds {told.available_mj:,} mJ from {told.full_mv} mV"),
        ("lasts", f"{told.lasts_s:,} s without a send"),
        ("180 s and two sends", f"{reaches}: {told.need_mj:,} mJ with the margin"),
        ("least that reaches it", least),
        ("for the identity file", f"load_mw {found.counted_mw}"),
    ]
