"""What came out of a triage, in words: rows for tables, and one JSON document, an alert a line of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from host_tools.dno import reasons as why
from host_tools.dno.events import AD1, HEAD_END, HUB
from host_tools.dno.rows import UNNAMED
from host_tools.dno.triage import ISOLATED_MOST, RESTORED_BY, WINDOW_MS, Triage
from host_tools.names import names_of

SLICE_ROWS = 20_000
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.3fZ"
KINDS = {False: "isolated", True: "mass"}


def time_text(at_ms: int | None) -> str:
    """Milliseconds since 1970 as ISO 8601; "unknown" for None. Whole seconds have no fraction."""
    if at_ms is None:
        return "unknown"
    return str(pl.Series([at_ms]).cast(pl.Datetime("ms")).dt.strftime(_TIME_FORMAT)[0]).replace(".000Z", "Z")


def span_text(seconds: float) -> str:
    """A duration in its two greatest units: 3 d 4 h, 12 min 5 s."""
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    left = max(0, int(seconds))
    parts = []
    for size, unit in units:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def headline(found: Triage) -> str:
    """The whole in one sentence."""
    outages = found.outages
    read = found.counts
    return (
        f"{count(outages.height, 'outage')} of {count(outages['hub'].n_unique(), 'hub')}, as of "
        f"{time_text(found.as_of_ms)}: {outages.height - int(outages['activation'].sum()):,} to be treated as outages, "
        f"{int(outages['activation'].sum()):,} as firmware activations. Read: {count(read['ad1_lines'], 'AD1')} "
        f"({read['repeated']:,} repeated, {read['superseded']:,} superseded, {read['contradicting']:,} contradicting), "
        f"{count(read['ecs80_lines'], 'ECS80')}, {count(read['restored_lines'], 'restoration')} of hubs."
    )


def count(number: int, what: str) -> str:
    """A number of things; a name in capitals stays as it is."""
    return f"{number:,} {what}" + ("" if number == 1 or what[-1] != what[-1].lower() or what[-1].isdigit() else "s")


def by_reason(found: Triage) -> pl.DataFrame:
    """Rows of class, reason (numbers), outages, hubs, stands_for, open: what was found, in the table's order."""
    return (
        found.outages.group_by("class", "reason")
        .agg(
            pl.len().alias("outages"),
            pl.col("hub").n_unique().alias("hubs"),
            (1 + pl.col("merged").cast(pl.Int64)).sum().alias("stands_for"),
            (pl.col("restored_by") == 0).sum().alias("open"),
        )
        .sort("class", "reason")
    )


def by_kind(found: Triage) -> list[dict[str, Any]]:
    """Isolated and mass: how many windows, hubs (a hub counts in each window), outages, activations, open."""
    rows = []
    for mass, kind in KINDS.items():
        some = found.windows.filter(pl.col("mass") == mass)
        sums = {name: int(some[name].sum()) for name in ("hubs", "outages", "activations", "open")}
        rows.append({"kind": kind, "windows": some.height, **sums})
    return rows


def unrestored(found: Triage) -> pl.DataFrame:
    """The outages that no restoration has followed, the longest first."""
    return found.outages.filter(pl.col("restored_by") == 0)


def named(outages: pl.DataFrame, as_of_ms: int | None) -> pl.DataFrame:
    """Outages as the JSON has them: names for numbers, hexadecimal ids, times as text."""
    hubs = _hexadecimal(outages["hub"], 16)
    known = outages["id_head"].is_not_null()
    tails = _hexadecimal(outages["id_tail"], 16)
    heads = _hexadecimal(outages["id_head"].fill_null(0), 8)
    ids = [head + tail if has else None for head, tail, has in zip(heads, tails, known, strict=True)]
    classes = dict(enumerate(why.CLASSES))
    reasons = {number: reason.name for number, reason in enumerate(why.REASONS)}
    return outages.select(
        pl.Series("hub", hubs, pl.String),
        pl.Series("id", ids, pl.String),
        _time("since"),
        pl.when("since_known").then(pl.lit("loss")).otherwise(pl.lit("arrival")).alias("since_by"),
        pl.col("class").replace_strict(classes, return_dtype=pl.String),
        pl.col("reason").replace_strict(reasons, return_dtype=pl.String),
        pl.when("activation").then(pl.lit(why.ACTIVATION)).otherwise(pl.lit(why.OUTAGE)).alias("treat_as"),
        _time("window", pl.col("window") * WINDOW_MS),
        pl.when("mass").then(pl.lit(KINDS[True])).otherwise(pl.lit(KINDS[False])).alias("kind"),
        pl.col("restored_by").replace_strict(dict(enumerate((None, *RESTORED_BY[1:]))), return_dtype=pl.String),
        (pl.col("duration_ms") / 1000).alias("duration_s"),
        pl.when(pl.col("restored_by") == 0).then((as_of_ms or 0) - pl.col("since")).floordiv(1000).alias("open_s"),
        "revision",
        *(_name(field) for field in ("level", "cause", "source")),
        pl.when(pl.col("raised_by") == 1).then(pl.lit(HEAD_END)).otherwise(pl.lit(HUB)).alias("raised_by"),
        "elapsed_s",
        "window_s",
        "merged",
        _time("first_at"),
        _time("at"),
    )


def _hexadecimal(column: pl.Series, digits: int) -> list[str]:
    """Each number in so many digits: by way of its octets, for a format() each would take as long as all the rest."""
    text = column.to_numpy().astype(f">u{digits // 2}").tobytes().hex()
    return [text[at : at + digits] for at in range(0, len(text), digits)]


def _time(name: str, column: pl.Expr | None = None) -> pl.Expr:
    column = pl.col(name) if column is None else column
    return column.cast(pl.Datetime("ms")).dt.strftime(_TIME_FORMAT).alias(name)


def _name(field: str) -> pl.Expr:
    column = pl.col(field)
    names = {**names_of(AD1, field), UNNAMED: "unknown"}
    return column.replace_strict(names, default=column.cast(pl.String), return_dtype=pl.String)


def summary(found: Triage) -> dict[str, Any]:
    """All but the single alerts and windows, for JSON."""
    groups = [
        {
            "class": why.CLASSES[row["class"]],
            "reason": why.REASONS[row["reason"]].name,
            "why": why.REASONS[row["reason"]].sentence,
            "treat_as": why.REASONS[row["reason"]].treat_as,
            **{name: row[name] for name in ("outages", "hubs", "stands_for", "open")},
        }
        for row in by_reason(found).iter_rows(named=True)
    ]
    return {
        "as_of": pl.Series("as_of", [found.as_of_ms], pl.Int64).to_frame().select(_time("as_of")).item(),
        "read": found.counts,
        "classes": groups,
        "isolated_most_hubs": ISOLATED_MOST,
        "kinds": by_kind(found),
    }


def document(found: Triage, about: dict[str, Any]) -> Iterator[str]:
    """One JSON document in pieces: what `about` and the summary hold, then every window and every alert."""
    head = json.dumps({**about, **summary(found)}, indent=1)
    yield head.removesuffix("\n}")
    windows = found.windows.select(
        _time("start", pl.col("start_ms")),
        pl.when("mass").then(pl.lit(KINDS[True])).otherwise(pl.lit(KINDS[False])).alias("kind"),
        *("hubs", "outages", "activations", "open"),
    )
    yield ',\n "windows": ['
    yield from _array([windows])
    yield '\n ],\n "alerts": ['
    slices = (
        named(found.outages.slice(at, SLICE_ROWS), found.as_of_ms) for at in range(0, found.outages.height, SLICE_ROWS)
    )
    yield from _array(slices)
    yield "\n ]\n}\n"


def _array(frames: Any) -> Iterator[str]:
    separator = "\n"
    for frame in frames:
        if frame.height:
            yield separator + frame.write_ndjson().rstrip("\n").replace("\n", ",\n")
            separator = ",\n"
