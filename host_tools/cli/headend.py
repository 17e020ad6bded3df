"""chtool headend: a head-end that runs for as long as it is let, and forgets nothing when it is not."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chf.wire import schema as s
from host_tools.bench import Bench
from host_tools.cli import output
from host_tools.cli.headend_store import MEMORY, HeadEndStore
from host_tools.cli.watch import Recorder
from host_tools.deploy.provisioning import new_identity
from host_tools.dno.outlet import Outlet
from host_tools.errors import EXIT_USAGE, BenchError
from host_tools.frames import FrameError
from host_tools.link import connect, own_rig
from host_tools.names import utc_text
from host_tools.sim.headend import HELD_GRACE_MS, HeadEnd, Watch

LOOK_S = 0.2
POLICY_RETRY_S = 5.0
_EPOCH_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_HOLDS = {"accept": True, "decline": False, "ignore": None}
Tell = Callable[[str, dict[str, Any]], None]


class StoredHeadEnd(HeadEnd):
    """A HeadEnd that keeps what it must not forget before it answers, and goes on from there when started again."""

    def __init__(
        self, store: HeadEndStore, key: bytes, marked: bool, now_ms: int, tell: Tell, outlet: Outlet | None = None
    ) -> None:
        super().__init__(key, marked)
        self._store = store
        self._outlet = outlet or Outlet(store.hub)
        self._tell = tell
        self.tell_time = _fits(time.time())
        start_s = time.time() - _EPOCH_S
        self.clock = lambda ms: int(start_s + (ms - now_ms) / 1000)
        self.counter = store.counter()
        self._seen = store.seen()
        for stored in store.watches():
            left_ms = (stored.until_utc - self.clock(now_ms)) * 1000
            watch = Watch(stored.id, now_ms + max(0, left_ms))
            self.watches[stored.id] = watch
            self.at(watch.until_ms, lambda ms, watch=watch: self._watch_over(watch, ms))  # type: ignore[misc]
            tell("watch goes on", {"id": stored.id.hex(), "until": utc_text(stored.until_utc)})

    def next_counter(self) -> bytes:
        self._store.set_counter(self.counter + 1)
        return super().next_counter()

    def on_ad1(self, fields: dict[str, Any], now_ms: int) -> None:
        level, cause = str(fields["level"]), str(fields["cause"])
        utc = self.clock(now_ms)
        if (fields["id"], fields["revision"]) not in self._seen:
            self._outlet.ad1(fields, utc)
        new = self._store.alert(fields["id"], fields["revision"], "hub", level, cause, utc, output.plain(fields))
        if new:
            told = {"id": fields["id"].hex(), "revision": fields["revision"], "level": level, "cause": cause}
            self._tell("AD1", told)
        super().on_ad1(fields, now_ms)

    def on_hold_notice(self, fields: dict[str, Any], now_ms: int) -> None:
        if self.accept_hold:
            until_utc = self.clock(now_ms + fields["left_s"] * 1000 + HELD_GRACE_MS)
            self._store.watch(fields["id"], until_utc)
        answer = {True: "accepted", False: "declined", None: "not answered"}[self.accept_hold]
        self._tell("hold notice", {"id": fields["id"].hex(), "left_s": fields["left_s"], "answer": answer})
        super().on_hold_notice(fields, now_ms)

    def _watch_over(self, watch: Watch, now_ms: int) -> None:
        if not watch.ended:
            utc = self.clock(now_ms)
            self._outlet.own_ad1(watch.id, utc)
            self._store.alert(watch.id, 0, "head-end", "plain", "activation-overrun", utc, {})
            self._tell("head-end alert", {"id": watch.id.hex(), "level": "plain", "cause": "activation-overrun"})
        super()._watch_over(watch, now_ms)

    def on_restored(self, fields: dict[str, Any], now_ms: int) -> None:
        utc = self.clock(now_ms)
        if not self._store.knows_restoration(fields["id"]):
            self._outlet.restored(fields, utc)
        if self._store.restored(fields["id"], utc, output.plain(fields)):
            self._tell("restored", {"id": fields["id"].hex(), "duration_s": fields["duration_s"]})
        super().on_restored(fields, now_ms)

    def on_without_notice(self, fields: dict[str, Any], now_ms: int) -> None:
        if not any(told == fields for _, told in self.without_notice):
            self._outlet.without_notice(fields, self.clock(now_ms))
            told = {"id": fields["id"].hex(), "before": f"{fields['before']:08x}", "after": f"{fields['after']:08x}"}
            self._tell("without notice", told)
        super().on_without_notice(fields, now_ms)

    def on_gbcs_up(self, fields: dict[str, Any], now_ms: int) -> None:
        self._outlet.relayed(fields["gbcs"], self.clock(now_ms))
        super().on_gbcs_up(fields, now_ms)

    def on_time_request(self, fields: dict[str, Any], now_ms: int) -> None:
        known = self._store.session(fields["epoch"], fields["boot"], self.clock(now_ms))
        told = {"epoch": fields["epoch"].hex(), "boot": fields["boot"]}
        if known is None or fields["boot"] > known:
            self._tell("session", told)
        elif fields["boot"] < known:
            self._tell("OLD FLASH", {**told, "known_boot": known})
        super().on_time_request(fields, now_ms)

    def on_command_ack(self, fields: dict[str, Any], now_ms: int) -> None:
        self._tell("acknowledged", {"command": str(fields["type"])})
        super().on_command_ack(fields, now_ms)

    def on_command_refusal(self, fields: dict[str, Any], now_ms: int) -> None:
        super().on_command_refusal(fields, now_ms)
        self._store.set_counter(self.counter)
        self._tell("refused", {"command": str(fields["type"]), "reason": str(fields["reason"])})

    def keep_policy(self, policy: int) -> Callable[[int], None]:
        """An action that sets the policy, again until the hub acknowledges it."""

        def send(now_ms: int) -> None:
            said = [name for _, name, fields in self.answers if str(fields["type"]) == "set_policy"]
            if "command_ack" not in said:
                self.set_policy(policy)
                self.at(now_ms + round(POLICY_RETRY_S * 1000), send)

        return send


def _fits(now_s: float) -> bool:
    """Whether a hub can be told that time, in seconds since 1970."""
    return s.NO_UTC < int(now_s - _EPOCH_S) <= s.UTC_MAX


def _teller(json_wanted: bool) -> Tell:
    def tell(event: str, values: dict[str, Any]) -> None:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if json_wanted:
            print(json.dumps({"at": at, "event": event, **{name: output.plain_value(v) for name, v in values.items()}}))
        else:
            print(f"{at}  {event:15} " + " ".join(f"{name}={value}" for name, value in values.items()))
        sys.stdout.flush()

    return tell


@click.command()
@output.url
@output.keys
@click.option(
    "--db",
    "path",
    type=click.Path(path_type=Path),
    default=MEMORY,
    metavar="FILE",
    help="Keep alerts, watches and counters in this SQLite file. Default: in memory.",
)
@click.option("--policy", type=click.Choice(list(own_rig.POLICIES)), help="Set the hub's policy.")
@click.option(
    "--holds", type=click.Choice(list(_HOLDS)), default="accept", show_default=True, help="Answer to a HoldNotice."
)
@click.option("--no-ack", is_flag=True, help="Acknowledge no alert and no restoration.")
@click.option("--no-time", is_flag=True, help="Tell no time.")
@click.option("--live", is_flag=True, help="Live keys: the hub has no bench strap.")
@click.option("--jsonl", type=click.Path(path_type=Path), metavar="FILE", help="Append alerts, for chtool triage.")
@click.option("--duis", type=click.Path(path_type=Path), metavar="DIR", help="Keep each AD1 as a DUIS DCC Alert (XML).")
@click.option("--write", "capture_path", metavar="FILE", help="Keep all frames in a capture file.")
@output.seconds("--for", "End after so long. Default: when interrupted.")
@output.as_json
def headend(
    url: str,
    identity: dict | None,
    path: Path,
    policy: str | None,
    holds: str,
    no_ack: bool,
    no_time: bool,
    live: bool,
    jsonl: Path | None,
    duis: Path | None,
    capture_path: str | None,
    for_s: float | None,
    json_wanted: bool,
) -> None:
    """Run a head-end for the hub at URL: print what it hears, a line each (--json: an object each).

    Whatever it answers is in the database first; killed at any moment and started again, it goes on watching. --jsonl
    and --duis have it before the database: killed in between, an alert stands in FILE twice, which chtool triage knows.
    In DIR each outage has one document, its latest revision.
    """
    now_s = time.time()
    if not no_time and not _fits(now_s):
        year = time.gmtime(now_s).tm_year
        raise BenchError(f"This machine's clock says {year}: set it, or give --no-time.", EXIT_USAGE)
    who = identity or new_identity(1)
    key = bytes.fromhex(who["keys"]["head_end" if live else "bench_head_end"])
    end = None if for_s is None else time.monotonic() + for_s
    tell = _teller(json_wanted)
    recorder = Recorder(None, capture_path, url)
    with contextlib.ExitStack() as stack:
        stack.callback(recorder.close)
        store = stack.enter_context(contextlib.closing(HeadEndStore(path, who["hub"])))
        outlet = stack.enter_context(contextlib.closing(Outlet(who["hub"], jsonl, duis)))
        line = stack.enter_context(contextlib.closing(connect.line_of(url)))
        peer = StoredHeadEnd(store, key, not live, line.now_ms, tell, outlet)
        peer.acknowledge = not no_ack
        peer.accept_hold = _HOLDS[holds]
        peer.tell_time = not no_time
        if policy is not None:
            peer.at(line.now_ms, peer.keep_policy(own_rig.POLICIES[policy]))
        tell("listening", {"hub": who["hub"], "url": url})
        _serve(Bench(line, [peer], not live), recorder, line.speed, end, tell)


def _serve(bench: Bench, recorder: Recorder, speed: int, end: float | None, tell: Tell) -> None:
    while end is None or time.monotonic() < end:
        look_s = LOOK_S if end is None else max(0.001, min(LOOK_S, end - time.monotonic()))
        try:
            bench.advance(max(1, round(look_s * 1000 * speed)))
        except FrameError as error:
            tell("bad frame", {"why": error.reason})
        recorder.take(bench.capture)
