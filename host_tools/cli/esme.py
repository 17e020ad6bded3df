"""chtool esme: a simulated meter on a hub's HAN link, well-behaved or not."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click

from chf.wire import schema as s
from host_tools.bench import Bench
from host_tools.cli import output
from host_tools.cli.watch import Recorder
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.link import connect
from host_tools.link.client import Client
from host_tools.sim.esme import Esme
from host_tools.testbed import Testbed

ANSWER_MS = 10_000
SETTLE_S = 4.0  # after supply is back: it must be good for 2 s
KINDS = {
    "good": "declares, and waits for the acknowledgement",
    "legacy": "declares nothing; with --outage it just goes",
    "impatient": "declares and goes at once, without the acknowledgement; needs --outage",
    "forger": "declares under a key that is not the meter's",
    "replayer": "declares, cancels, and sends the first declaration again",
    "stranger": "declares as a meter that this hub does not belong to",
}


class Play(NamedTuple):
    """A meter, the bench that carries it, its speed, and the testbed where there is a rig."""

    esme: Esme
    bench: Bench
    speed: int
    testbed: Testbed | None


@contextlib.contextmanager
def _stage(url: str, identity: dict | None, live: bool, rig: bool) -> Iterator[Play]:
    if rig or url.startswith(connect.SIM):
        with connect.connect(url, None, identity) as testbed:
            yield _patient(Play(testbed.esme, testbed.bench, getattr(testbed.rig, "speed", 1), testbed))
        return
    who = identity or new_identity(1)
    key = bytes.fromhex(who["keys"]["esme" if live else "bench_esme"])
    esme = Esme(bytes.fromhex(who["esme"]), bytes.fromhex(who["hub"]), key, not live)
    with contextlib.closing(connect.line_of(url)) as line:
        yield _patient(Play(esme, Bench(line, [esme], not live), line.speed, None))


def _patient(play: Play) -> Play:
    """Where time runs faster than real, ports and processes do not."""
    play.esme.tries *= max(1, play.speed)
    return play


def _say(play: Play, speak: Callable[[], Any]) -> str:
    """Let the meter say one thing; the hub's answer in a word: "acknowledged", "refused (counter)", "no answer"."""
    acked, refused = len(play.esme.acked), len(play.esme.refused)
    speak()
    play.bench.advance(ANSWER_MS * max(1, play.speed), until=lambda: play.esme.outstanding is None)
    if len(play.esme.acked) > acked:
        return "acknowledged"
    if len(play.esme.refused) > refused:
        return f"refused ({play.esme.refused[-1][1]['reason']})"
    return "no answer"


class _Declaring:
    """One declaration by a meter of some kind. `must`: whether the hub's answer is what it must be."""

    def __init__(self, play: Play, kind: str, expected_s: int, valid_s: int) -> None:
        self._play = play
        self._expected_s = expected_s
        self._valid_s = valid_s
        self.answer = "not asked"
        self.must = True
        getattr(self, "_" + kind)()

    def _declare(self) -> None:
        self.answer = _say(
            self._play,
            lambda: self._play.esme.declare(self._play.bench.now_ms, self._expected_s, self._valid_s),
        )

    def _good(self) -> None:
        self._declare()
        self.must = self.answer == "acknowledged"

    def _legacy(self) -> None:
        """Says nothing."""

    def _impatient(self) -> None:
        self._play.esme.tries = 1
        self._play.esme.declare(self._play.bench.now_ms, self._expected_s, self._valid_s)

    def _forger(self) -> None:
        self._play.esme.key = type(self._play.esme.key)(secrets.token_bytes(32))
        self._play.esme.tries = 2
        self._declare()
        self.must = self.answer == "no answer"

    def _stranger(self) -> None:
        self._play.esme.esme = secrets.token_bytes(8)
        self._declare()
        self.must = self.answer == "refused (peer)"

    def _replayer(self) -> None:
        esme, bench = self._play.esme, self._play.bench
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
@click.option("--outage", type=click.FloatRange(min=0), metavar="SECONDS", help="Then take the supply away so long.")
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
    recorder = Recorder(None, path, url)
    told: dict[str, Any] = {"action": action, "kind": kind}
    try:
        with _stage(url, identity, live, outage is not None) as play:
            try:
                as_it_must = _act(play, action, kind, expected_outage, valid, outage, told)
            finally:
                recorder.take(play.bench.capture)
    finally:
        recorder.close()
    told["as_it_must"] = as_it_must
    if json_wanted:
        output.print_json(told)
    else:
        words = {**told, "as_it_must": "yes" if as_it_must else "NO"}
        output.print_fields("Meter", [(name.replace("_", " "), str(value)) for name, value in words.items()])
    return 0 if as_it_must else 1


def _act(
    play: Play, action: str, kind: str, expected_s: int, valid_s: int, outage_s: float | None, told: dict[str, Any]
) -> bool:
    if action != "declare":
        told["answer"] = _say(play, lambda: getattr(play.esme, action)(play.bench.now_ms))
        return bool(told["answer"] == "acknowledged")
    declared = _Declaring(play, kind, expected_s, valid_s)
    told["answer"] = declared.answer
    if outage_s is not None and play.testbed is not None:
        bed = play.testbed
        bed.lose_supply(outage_s)
        state = Client(bed.bench, play.speed).state()
        told["hub_decided"] = str(state["level"])
        bed.restore_supply(SETTLE_S)
        if bed.headend.alerts:  # heard on the WAN link, where the URL has one
            told["alerts"] = ", ".join(f"{one.raised_by}: {one.level} ({one.cause})" for one in bed.headend.alerts)
    return declared.must
