"""chtool relay: the head-end sends a GBCS message through a hub to its meter, CS06 Activate Firmware above all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chf.wire import schema as s
from host_tools.cli import output
from host_tools.cli.headend import StoredHeadEnd
from host_tools.cli.headend_store import MEMORY, HeadEndStore
from host_tools.cli.stage import Play, act_outage, staged
from host_tools.deploy.provisioning import new_identity
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.gbcs import build
from host_tools.link.client import Client
from host_tools.link.serial_line import SerialLine
from host_tools.sim.headend import HeadEnd

SUPPLIER = bytes.fromhex("02005e10000000f1")  # a made-up EUI-64, locally administered
IMAGE_OCTETS = 32
COUNTER_MAX = 2**64 - 2  # the cancellation after it needs one more
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _send(play: Play[HeadEnd], gbcs: bytes) -> str:
    """Relay it; the hub's answer in a word. A counter that is behind the hub's goes on above it, once."""
    for _ in range(2):
        heard = len(play.peer.answers)
        play.peer.relay(gbcs)
        if not play.wait(lambda heard=heard: len(play.peer.answers) > heard):  # type: ignore[misc]
            return "no answer"
        _, name, fields = play.peer.answers[-1]
        if name == "command_ack":
            return "acknowledged"
        if fields["reason"] != s.REFUSED_COUNTER:
            break
    return f"refused ({fields['reason']})"


def _due(text: str | None, now_utc: int) -> int:
    """Seconds since 2000 of `--at`: "+SECONDS" from now by the head-end's clock, or a time in ISO 8601."""
    if text is None:
        return s.NO_UTC
    try:
        if text.startswith("+"):
            due = now_utc + int(text[1:])
        else:
            when = datetime.fromisoformat(text)
            due = int(((when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH).total_seconds())
    except ValueError:
        due = s.NO_UTC
    if not s.NO_UTC < due <= s.UTC_MAX:
        raise BenchError(f"--at {text} does not fit: give +SECONDS or a time like 2026-12-01T02:00:00Z.", EXIT_USAGE)
    return due


def _octets(text: str | None, n: int, option: str, default: bytes) -> bytes:
    if text is None:
        return default
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != n:
        raise BenchError(f"{option} takes {2 * n} hex digits, not '{text}'.", EXIT_USAGE)
    return octets


def _of_file(path: Path | None) -> bytes:
    if path is None:
        raise BenchError("send needs --file FILE with the message, in hex.", EXIT_USAGE)
    try:
        gbcs = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", EXIT_USAGE) from None
    except ValueError:
        raise BenchError(f"{path} does not hold a message in hex.", EXIT_USAGE) from None
    if len(gbcs) > s.GBCS_MAX:
        raise BenchError(f"{path} holds {len(gbcs)} octets: the hub's tunnel takes {s.GBCS_MAX}.", EXIT_USAGE)
    return gbcs


@click.command()
@click.argument("action", type=click.Choice(["activate", "cancel", "send"]))
@output.url
@output.keys
@click.option("--to", metavar="EUI", help="The device that it is for. Default: the meter of this hub.")
@click.option("--at", metavar="TIME", help="activate: when, as +SECONDS or ISO 8601. Default: at once.")
@click.option("--image", metavar="HEX", help="activate, cancel: the image's hash. Default: made up.")
@click.option(
    "--counter", type=click.IntRange(0, COUNTER_MAX), help="Of the message. Default: the clock's milliseconds."
)
@click.option("--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="send: the message, in hex.")
@click.option("--wait", type=output.Seconds(), default=1, metavar="SECONDS", help="Then wait so long ...")
@click.option("--outage", type=output.Seconds(), metavar="SECONDS", help="... and take supply away so long.")
@click.option("--cancel-after", type=output.Seconds(), metavar="SECONDS", help="activate: then cancel it.")
@click.option("--live", is_flag=True, help="Live keys: the hub has no bench strap.")
@click.option(
    "--db",
    type=click.Path(path_type=Path),
    default=MEMORY,
    metavar="FILE",
    help="Go on with the counters of chtool headend's database.",
)
@click.option("--write", "capture", metavar="FILE", help="Keep all frames in a capture file.")
@output.as_json
def relay(
    action: str,
    url: str,
    identity: dict[str, Any] | None,
    to: str | None,
    at: str | None,
    image: str | None,
    counter: int | None,
    path: Path | None,
    wait: float,
    outage: float | None,
    cancel_after: float | None,
    live: bool,
    db: Path,
    capture: str | None,
    json_wanted: bool,
) -> int:
    """Send a GBCS message through the hub at URL to its meter: ACTION is activate, cancel (CS06) or send (a file's).

    With --outage the supply goes as in an activation, and what the hub decided is shown. The messages are made up and
    carry no valid signature: a real meter refuses them; the hub reads them as it reads real ones.

    Exit code 1 where the hub does not acknowledge.
    """
    if action != "activate" and (at is not None or cancel_after is not None):
        raise BenchError("--at and --cancel-after go with activate.", EXIT_USAGE)
    if live and outage is not None:
        raise BenchError("--outage needs the soft rig, which needs the bench strap: leave --live out.", EXIT_USAGE)
    image_hash = _octets(image, IMAGE_OCTETS, "--image", bytes(range(IMAGE_OCTETS)))
    esme = bytes.fromhex((identity or new_identity(1))["esme"])
    if counter is None:
        counter = time.time_ns() // 1_000_000
    heading = build.Heading(counter, SUPPLIER, _octets(to, 8, "--to", esme))
    file = _of_file(path) if action == "send" else b""
    told: dict[str, Any] = {"action": action}
    with contextlib.ExitStack() as stack:

        def alone(who: dict[str, Any], key: bytes, marked: bool, line: SerialLine) -> HeadEnd:
            store = stack.enter_context(contextlib.closing(HeadEndStore(db, who["hub"])))
            return StoredHeadEnd(store, key, marked, line.now_ms, lambda event, values: None)

        play = stack.enter_context(
            staged(
                url,
                identity,
                lambda bed: bed.headend,
                alone,
                key="head_end",
                live=live,
                rig=outage is not None,
                capture=capture,
            )
        )
        due = _due(at, play.peer.clock(play.bench.now_ms))
        makes: dict[str, Callable[[], bytes]] = {
            "activate": lambda: build.activate(heading, image_hash, due),
            "cancel": lambda: build.cancel(heading, image_hash),
            "send": lambda: file,
        }
        gbcs = makes[action]()
        told["message"] = build.describe(gbcs)
        told["answer"] = _send(play, gbcs)
        if cancel_after is not None:
            play.bench.advance(round(cancel_after * 1000))
            later = build.cancel(heading._replace(counter=heading.counter + 1), image_hash)
            told["cancellation"] = _send(play, later)
        _outage(play, wait, outage, told)
    if json_wanted:
        output.print_json(told)
    else:
        output.print_fields("Relay", [(name.replace("_", " "), str(value)) for name, value in told.items()])
    answers = {told["answer"], told.get("cancellation", "acknowledged")}
    return 0 if answers == {"acknowledged"} else 1


def _outage(play: Play[HeadEnd], wait_s: float, outage_s: float | None, told: dict[str, Any]) -> None:
    """Wait, and act out the meter's reboot where there is a rig for it."""
    bed = play.testbed
    if bed is None:
        return
    bed.advance_s(wait_s)
    state = Client(bed.bench, play.speed).state()
    told["flag"] = f"{state['flag']} ({state['source']})" if state["source"] else str(state["flag"])
    if outage_s is not None:
        told["alerts"] = act_outage(bed, play.speed, outage_s, told) or "none"
