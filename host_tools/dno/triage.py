"""Triage: one row for each outage that an AD1 was raised for, with class, reason, PM12 window and restoration.

The order of the lines does not count, nor how often one comes: the same events give the same result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import ClassVar

import polars as pl

from chf.wire import schema as s
from host_tools.dno import events as ev
from host_tools.dno import reasons as why
from host_tools.dno.read import SCHEMA

WINDOW_MS = 180_000  # DCC PM12: fixed windows of 3 minutes; ours begin at 00:00:00 UTC and every 3 minutes after it
ISOLATED_MOST = 50  # hubs in one window, PM12; more are a mass loss
CLOCK_SLACK_MS = 60_000  # between the clocks of hub, meter and head-end; and for a restoration that is on its way
RESTORED_BY = ("", "hub", "meter")

_KEY = ["hub", "id_head", "id_tail"]
_EMPTY = pl.DataFrame(schema=SCHEMA)


@dataclasses.dataclass(frozen=True)
class Triage:
    """outages: a row each. windows: those with an AD1, in order. counts: what was read, by name. Times in ms."""

    outages: pl.DataFrame
    windows: pl.DataFrame
    counts: dict[str, int]
    as_of_ms: int | None


class _Sorted:
    """Events by kind, each with the columns that count for it: all of a year's lines would not fit the memory."""

    _KEPT: ClassVar = {
        ev.AD1: [
            *("at", *_KEY, "revision", "level", "cause", "source"),
            *("raised_by", "loss", "elapsed_s", "window_s", "merged"),
        ],
        ev.RESTORED: [*_KEY, "duration_s", "level"],
        ev.ECS80: ["hub", "code", "start", "end"],
        ev.WITHOUT_NOTICE: _KEY,
    }

    def __init__(self, frames: Iterable[pl.DataFrame], as_of_ms: int | None) -> None:
        parts: dict[str, list[pl.DataFrame]] = {name: [_EMPTY.select(kept)] for name, kept in self._KEPT.items()}
        self.newest_ms = as_of_ms
        for frame in frames:
            if as_of_ms is not None:
                frame = frame.filter(pl.col("at") <= as_of_ms)
            newest = frame["at"].max()
            if isinstance(newest, int):
                self.newest_ms = newest if self.newest_ms is None else max(newest, self.newest_ms)
            for number, name in enumerate(ev.EVENTS):
                some = frame.filter(pl.col("event") == number).select(self._KEPT[name])
                if some.height:
                    parts[name].append(some)
        self._parts = parts
        self.lines = {f"{name}_lines": sum(part.height for part in some) for name, some in parts.items()}

    def take(self, name: str) -> pl.DataFrame:
        """All of one kind; once, for it is not kept here any longer."""
        return pl.concat(self._parts.pop(name))


def triage(frames: Iterable[pl.DataFrame], as_of_ms: int | None = None) -> Triage:
    """Sort out all events, in read.SCHEMA. as_of_ms: as things stood then; None: as of the newest event."""
    events = _Sorted(frames, as_of_ms)
    counts = dict(events.lines)
    outages, lines = _loudest(events.take(ev.AD1))
    counts |= {"outages": outages.height, **lines}
    restored = _restorations(events.take(ev.RESTORED))
    counts |= _orphans(restored, outages)
    outages = outages.join(restored, on=_KEY, how="left")
    del restored
    outages = _with_meter_word(outages, events.take(ev.ECS80))
    notices = events.take(ev.WITHOUT_NOTICE).unique().with_columns(changed=pl.lit(True))
    outages = outages.join(notices, on=_KEY, how="left").with_columns(pl.col("changed").fill_null(False))
    outages = _decide(_with_restoration(outages), events.newest_ms or 0)
    windows = _windows(outages)
    outages = outages.join(windows.select("window", "mass"), on="window", how="left")
    return Triage(outages.sort("since", *_KEY), windows, counts, events.newest_ms)


def _loudest(alerts: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row an outage: its loudest alert, of these the last revision; and what became of the other lines, in counts.

    The hub's decisions only rise: what says less than another alert of the same outage is late, or not to be believed.
    """
    # Without an id, every time of arrival is an outage of its own.
    tail = pl.when(pl.col("id_head").is_null()).then(pl.col("at").cast(pl.UInt64)).otherwise(pl.col("id_tail"))
    filled = [pl.col(name).fill_null(0) for name in ("revision", "source", "raised_by", "window_s", "merged")]
    alerts = alerts.with_columns(tail.alias("id_tail"), *filled).with_columns(
        pl.col("at").min().over(_KEY).alias("first_at"), pl.len().over(_KEY).alias("copies")
    )
    single = alerts.filter(pl.col("copies") == 1)
    several = alerts.filter(pl.col("copies") > 1)
    said = [*_KEY, "revision", "raised_by"]
    distinct = several.select(said).unique().height
    different = several.select(*said, "level", "cause", "source", "loss", "window_s", "merged").unique().height
    order = [  # (column, whether the greatest comes first): of what contradicts itself, what explains least
        ((pl.col("level") != s.LEVEL_TAGGED).fill_null(True), True),
        (pl.col("revision"), True),
        ((pl.col("cause") != s.CAUSE_FIRMWARE_ACTIVATION).fill_null(True), True),
        (pl.col("window_s"), False),
        (pl.col("source"), False),
        *((pl.col(name), True) for name in ("loss", "merged", "cause", "level", "elapsed_s", "raised_by")),
        (pl.col("at"), False),
    ]
    several = several.sort([by for by, _ in order], descending=[falls for _, falls in order], nulls_last=True)
    chosen = several.unique(_KEY, keep="first", maintain_order=True)
    outages = pl.concat([single, chosen]).drop("copies")
    return outages, {
        "repeated": several.height - different,
        "contradicting": different - distinct,  # another line of the same alert
        "superseded": distinct - chosen.height,
    }


def _restorations(restored: pl.DataFrame) -> pl.DataFrame:
    """The hub's word for each outage: (key, hub_duration_s, hub_level, hub_says_back). Unknown is longer than any."""
    return restored.group_by(_KEY).agg(
        pl.when(pl.col("duration_s").null_count() == 0).then(pl.col("duration_s").max()).alias("hub_duration_s"),
        pl.col("level").max().alias("hub_level"),
        pl.lit(True).alias("hub_says_back"),
    )


def _orphans(restored: pl.DataFrame, outages: pl.DataFrame) -> dict[str, int]:
    """Restorations without an AD1: held outages that ended in time, and others, whose AD1 is missing here."""
    without = restored.join(outages.select(_KEY), on=_KEY, how="anti")
    held = int((without["hub_level"] == s.LEVEL_HELD).sum())
    return {"held": held, "restored_without_ad1": without.height - held}


def _with_meter_word(outages: pl.DataFrame, ecs80: pl.DataFrame) -> pl.DataFrame:
    """Adds since, since_known, and of the meter's next restoration, and next 8F36: its start and end."""
    loss = pl.col("loss")
    # A loss after its own alert is some clock's error.
    known = (loss <= pl.col("first_at") + CLOCK_SLACK_MS).fill_null(False)
    outages = outages.with_columns(
        since=pl.when(known).then(loss).otherwise(pl.col("first_at")), since_known=known
    ).sort("since")
    ecs80 = ecs80.select("hub", "code", "start", "end").sort("end")
    for name, some in (("next", ecs80), ("long", ecs80.filter(pl.col("code") == 1))):
        some = some.rename({column: f"{name}_{column}" for column in ("code", "start", "end")})
        outages = outages.join_asof(
            some,
            left_on="since",
            right_on=f"{name}_end",
            by="hub",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
            coalesce=False,
        )
    return outages


def _with_restoration(outages: pl.DataFrame) -> pl.DataFrame:
    """Adds restored_by (index of RESTORED_BY) and duration_ms, None where it is not known."""
    by_hub = pl.col("hub_says_back").fill_null(False)
    by_meter = pl.col("next_end").is_not_null()
    meter_ms = pl.when(pl.col("since_known")).then(pl.col("next_end") - pl.col("since"))
    return outages.with_columns(
        restored_by=pl.when(by_hub).then(1).when(by_meter).then(2).otherwise(0).cast(pl.UInt8),
        duration_ms=pl.when(by_hub).then(pl.col("hub_duration_s").cast(pl.Int64) * 1000).otherwise(meter_ms),
    )


def _decide(outages: pl.DataFrame, as_of_ms: int) -> pl.DataFrame:
    """Adds window, reason and class (numbers), activation (bool). reasons.py has them in words."""
    since, cause, source = pl.col("since"), pl.col("cause"), pl.col("source")
    window_ms = pl.col("window_s").cast(pl.Int64) * 1000
    names_activation = cause == s.CAUSE_FIRMWARE_ACTIVATION
    back = pl.col("restored_by") > 0
    over_it = since + pl.max_horizontal(window_ms, pl.lit(WINDOW_MS)) + CLOCK_SLACK_MS
    confirmed = pl.col("long_start") <= over_it
    source_known = source.is_in([s.SOURCE_DECLARED, s.SOURCE_INFERRED])
    known_causes = [
        s.CAUSE_SUPPLY_LOSS,
        s.CAUSE_FIRMWARE_ACTIVATION,
        s.CAUSE_MAINS_HINTED,
        s.CAUSE_HUB_REMOVED_HINTED,
    ]
    first = [  # every row of reasons.REASONS but the last one; what is null does not apply
        ("merged", (cause == s.CAUSE_MERGED) | (pl.col("merged") > 0)),
        ("no-cause", cause.is_null() | (cause == s.CAUSE_NONE)),
        ("overrun", cause == s.CAUSE_ACTIVATION_OVERRUN),
        ("unproven", cause == s.CAUSE_UNKNOWN_DURATION),
        ("unknown-cause", ~cause.is_in(known_causes)),
        (
            "tag-doubted",
            names_activation & ~((pl.col("level") == s.LEVEL_TAGGED).fill_null(False) & source_known.fill_null(False)),
        ),
        ("no-window", names_activation & (~pl.col("since_known") | (window_ms == 0))),
        ("meter-confirms", confirmed),
        ("outlasted", names_activation & back & ~(pl.col("duration_ms") <= window_ms).fill_null(False)),
        ("not-back", names_activation & ~back & (as_of_ms > since + window_ms + CLOCK_SLACK_MS)),
        ("in-window", names_activation),
        ("version-changed", pl.col("changed") & cause.is_in([s.CAUSE_SUPPLY_LOSS, s.CAUSE_MAINS_HINTED])),
        ("mains-hinted", cause == s.CAUSE_MAINS_HINTED),
        ("removed-hinted", cause == s.CAUSE_HUB_REMOVED_HINTED),
        ("meter-short", (pl.col("next_code") == 0) & ((pl.col("next_start") - since).abs() <= CLOCK_SLACK_MS)),
    ]
    reason = pl.lit(why.NUMBER["supply-loss"])
    for name, applies in reversed(first):
        reason = pl.when(applies).then(why.NUMBER[name]).otherwise(reason)
    outages = outages.with_columns(window=since // WINDOW_MS, reason=reason.cast(pl.UInt8))
    tagged = pl.col("reason") == why.NUMBER["in-window"]
    other_hubs = pl.col("hub").filter(~tagged).n_unique().over("window")
    outages = outages.with_columns(
        reason=pl.when(tagged & (other_hubs > ISOLATED_MOST))
        .then(why.NUMBER["mass-loss"])
        .otherwise(pl.col("reason"))
        .cast(pl.UInt8)
    )
    return outages.with_columns(
        _class().alias("class"),
        activation=pl.col("reason").is_in([n for n, one in enumerate(why.REASONS) if one.treat_as == why.ACTIVATION]),
    ).drop(
        "hub_duration_s", "hub_level", "hub_says_back", "next_code", "next_start", "long_start", "long_end", "changed"
    )


def _class() -> pl.Expr:
    """The number of the class: by the reason where that has one class, else by cause and source."""
    number = {name: at for at, name in enumerate(why.CLASSES)}
    cause = pl.col("cause")
    by_cause = (
        pl.when(cause == s.CAUSE_MAINS_HINTED)
        .then(number[why.MAINS])
        .when(cause == s.CAUSE_HUB_REMOVED_HINTED)
        .then(number[why.REMOVED])
        .when(cause == s.CAUSE_SUPPLY_LOSS)
        .then(number[why.GENUINE])
        .when(pl.col("source") == s.SOURCE_DECLARED)
        .then(number[why.DECLARED])
        .otherwise(number[why.INFERRED])
    )
    single = {at: number[one.classes[0]] for at, one in enumerate(why.REASONS) if len(one.classes) == 1}
    return pl.col("reason").replace_strict(single, default=by_cause, return_dtype=pl.UInt8)


def _windows(outages: pl.DataFrame) -> pl.DataFrame:
    """Each window with an AD1: start_ms, hubs, alerts, activations, open (never restored), mass."""
    hubs = pl.col("hub").n_unique()
    return (
        outages.group_by("window")
        .agg(
            hubs.alias("hubs"),
            pl.len().alias("outages"),
            pl.col("activation").sum().alias("activations"),
            (pl.col("restored_by") == 0).sum().alias("open"),
        )
        .with_columns(start_ms=pl.col("window") * WINDOW_MS, mass=pl.col("hubs") > ISOLATED_MOST)
        .sort("window")
    )
