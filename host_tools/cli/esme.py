"""chtool esme: a simulated meter on a hub's HAN link, well-behaved or not."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import click

from chf.wire import schema as s
from host_tools.cli import output
from host_tools.cli.stage import Play, act_outage, staged
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link.serial_line import SerialLine
from host_tools.sim.esme import Esme

KINDS = {
    "good": "declares, and waits for the acknowledgement",
    "legacy": "declares nothing; with --outage it just goes",
    "impatient": "declares and goes at once, without the acknowledgement; needs --outage",
    "forger": "declares under a key that is not the meter's",
    "replayer": "declares, cancels, and sends the first declaration again",
    "stranger": "declares as a meter that this hub does not belong to",
}


def _alone(who: dict[str, Any], key: bytes, marked: bool, line: SerialLine) -> Esme:
    return Esme(bytes.fromhex(who["esme"]), bytes.fromhex(who["hub"]), key, marked)


def _say(play: Play[Esme], speak: Callable[[], Any]) -> str:
    """Let the meter say one thing; the hub's answer in a word: "acknowledged", "refused (counter)", "no answer"."""
    acked, refused = len(play.peer.acked), len(play.peer.refused)
    speak()
    play.wait(lambda: play.peer.outstanding is None)
    if len(play.peer.acked) > acked:
        return "acknowledged"
    if len(play.peer.refused) > refused:
        return f"refused ({play.peer.refused[-1][1]['reason']})"
    return "no answer"


class _Declaring:
    """One declaration by a meter of some kind. `must`: whether the hub's answer is what it must be."""

    def __init__(self, play: Play[Esme], kind: str, expected_s: int, valid_s: int) -> None:
        self._play = play
        self._expected_s = expected_s
        self._valid_s = valid_s
        self.answer = "not asked"
        self.must = True
        getattr(self, "_" + kind)()

    def _declare(self) -> None:
        self.answer = _say(
            self._play,
            lambda: self._play.peer.declare(self._play.bench.now_ms, self._expected_s, self._valid_s),
        )

    def _good(self) -> None:
        self._declare()
        self.must = self.answer == "acknowledged"

    def _legacy(self) -> None:
        """Says nothing."""

    def _impatient(self) -> None:
        self._play.peer.tries = 1
        self._play.peer.declare(self._play.bench.now_ms, self._expected_s, self._valid_s)

    def _forger(self) -> None:
        self._play.peer.key = type(self._play.peer.key)(secrets.token_bytes(32))
        self._play.peer.tries = 2
        self._declare()
        self.must = self.answer == "no answer"

    def _stranger(self) -> None:
        self._play.peer.esme = secrets.token_bytes(8)
        self._declare()
        self.must = self.answer == "refused (peer)"

    def _replayer(self) -> None:
        esme, bench = self._play.peer, self._play.bench
        self._declare()
        first = esme.last_content
        if self.answer == "acknowledged":
            _say(self._play, lambda: esme.cancel(bench.now_ms))
        heard = len(bench.capture)
        bench.transmit(s.LINK_HAN, first)
        bench.advance(2_000, until=lambda: any(not one.to_hub for one in bench.capture[heard:]))
        said = [one.frame for one in bench.capture[heard:] if not one.to_hub and one.frame.link == s.LINK_HAN]
        self.answer = "no answer"
        for one in said:
            self.answer = "acknowledged" if one.name == "flag_ack" else f"refused ({one.fields.get('reason')})"
        self.must = self.answer != "acknowledged"


@click.command(
    help="Play the meter of the hub at URL: ACTION is declare, complete or cancel.\n\n\b\n"
    + "\n".join(f"{name:10} {text}" for name, text in KINDS.items())
    + "\n\nExit code 1 where the hub does not answer as it must."
)
@click.argument("action", type=click.Choice(["declare", "complete", "cancel"]))
@output.url
@output.keys
@click.option("--kind", type=click.Choice(list(KINDS)), default="good", show_default=True, help="How it declares.")
@click.option("--expected-outage", type=click.IntRange(0, 0xFFFF), default=400, show_default=True, metavar="SECONDS")
@click.option("--valid", type=click.IntRange(0, 0xFFFF), default=600, show_default=True, metavar="SECONDS")
@click.option("--outage", type=output.Seconds(), metavar="SECONDS", help="Then take the supply away so long.")
@click.option("--live", is_flag=True, help="Live keys: the hub has no bench strap.")
@click.option("--write", "path", metavar="FILE", help="Keep all frames in a capture file.")
@output.as_json
def esme(
    action: str,
    url: str,
    identity: dict | None,
    kind: str,
    expected_outage: int,
    valid: int,
    outage: float | None,
    live: bool,
    path: str | None,
    json_wanted: bool,
) -> int:
    """Play the meter of the hub at URL."""
    if action != "declare" and (kind != "good" or outage is not None):
        raise BenchError("--kind and --outage go with declare.", EXIT_USAGE)
    if kind == "impatient" and outage is None:
        raise BenchError("An impatient meter needs --outage SECONDS to go away for.", EXIT_USAGE)
    if live and outage is not None:
        raise BenchError("--outage needs the soft rig, which needs the bench strap: leave --live out.", EXIT_USAGE)
    told: dict[str, Any] = {"action": action, "kind": kind}
    with staged(
        url, identity, lambda bed: bed.esme, _alone, key="esme", live=live, rig=outage is not None, capture=path
    ) as play:
        play.peer.tries *= max(1, play.speed)  # where time runs faster than real, ports and processes do not
        as_it_must = _act(play, action, kind, expected_outage, valid, outage, told)
    told["as_it_must"] = as_it_must
    if json_wanted:
        output.print_json(told)
    else:
        words = {**told, "as_it_must": "yes" if as_it_must else "NO"}
        output.print_fields("Meter", [(name.replace("_", " "), str(value)) for name, value in words.items()])
    return 0 if as_it_must else 1


def _act(
    play: Play[Esme],
    action: str,
    kind: str,
    expected_s: int,
    valid_s: int,
    outage_s: float | None,
    told: dict[str, Any],
) -> bool:
    if action != "declare":
        told["answer"] = _say(play, lambda: getattr(play.peer, action)(play.bench.now_ms))
        return bool(told["answer"] == "acknowledged")
    declared = _Declaring(play, kind, expected_s, valid_s)
    told["answer"] = declared.answer
    if outage_s is not None and play.testbed is not None:
        alerts = act_outage(play.testbed, play.speed, outage_s, told)
        if alerts:
            told["alerts"] = alerts
    return declared.must
