"""Triage against its second writing, over generated events: in any order, repeated, with whatever is missing."""

from __future__ import annotations

import random
from typing import Any

from dno_lines import METER, ad1, at, ecs80, hub, judged, outage_id
from dno_oracle import ms, triage
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.dno import reasons as why

HUBS = st.integers(1, 3)
NUMBERS = st.integers(1, 3)
# Few times, close to each other and to the edges: windows, slacks and equal ends are met often.
SECONDS = st.sampled_from([0, 1, 59.999, 60, 60.001, 179.999, 180, 180.001, 240, 240.001, 300, 359.999, 360, 420, 900])
TIMES = SECONDS.map(lambda seconds: 36_000 + seconds)
CAUSES = [
    *("supply-loss", "firmware-activation", "activation-overrun", "unknown-duration", "mains-hinted"),
    *("hub-removed-hinted", "merged", "none", "of-tomorrow", None),
]


ALERTS = st.builds(
    lambda who, number, loss, arrived, of: {
        **ad1(who, None),
        **of,
        "id": number and outage_id(number),
        "loss": None if loss is None else at(loss),
        "at": at(arrived),
    },
    HUBS,
    st.one_of(st.none(), NUMBERS),
    st.one_of(st.none(), TIMES),
    TIMES,
    st.fixed_dictionaries(
        {
            "revision": st.one_of(st.none(), st.integers(0, 2)),
            "level": st.sampled_from(["plain", "tagged", "tagged", None]),
            "cause": st.sampled_from([*CAUSES, "firmware-activation", "firmware-activation"]),
            "source": st.sampled_from(["declared", "inferred", "none", None]),
            "window_s": st.sampled_from([None, 0, 120, 180, 300]),
            "merged": st.sampled_from([None, 0, 0, 0, 2]),
        }
    ),
)
RESTORED = st.builds(
    lambda who, number, said, duration_s: {
        "event": "restored", "at": at(said), "hub": hub(who), "id": outage_id(number), "duration_s": duration_s
    },
    HUBS,
    NUMBERS,
    TIMES,
    st.sampled_from([None, 120, 180, 181, 300, 301]),
)  # fmt: skip
ECS80 = st.builds(
    lambda who, start, end, code: {**ecs80(who, start, end), "code": code, "at": at(end + 1)},
    HUBS,
    TIMES,
    TIMES,
    st.sampled_from(["8F35", "8F36"]),
)
NOTICES = st.builds(
    lambda who, number: {"event": "without_notice", "at": at(36_000), "hub": hub(who), "id": outage_id(number)},
    HUBS,
    NUMBERS,
)


def one_way(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without alerts that contradict each other: the oracle takes the first of them, triage what explains least."""
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    kept = []
    for event in events:
        if event["event"] == "ad1":
            key = (event["hub"], event["id"] or event["at"], event["revision"] or 0, event["level"] == "tagged")
            if key in seen:
                continue
            seen[key] = event
        kept.append(event)
    return kept


EVENTS = st.lists(st.one_of(ALERTS, ALERTS, RESTORED, ECS80, NOTICES), max_size=14).map(one_way)


def seen(document: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    said = {}
    for one in document["alerts"]:
        names = [one[name] for name in ("reason", "treat_as", "restored_by", "kind", "revision")]
        said[one["hub"], one["id"] or str(ms(one["first_at"]))] = (*names, ms(one["since"]), ms(one["window"]))
    return said


def expected(outages: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    said = {}
    for key, one in outages.items():
        names = [one[name] for name in ("reason", "treat_as", "by", "kind", "revision")]
        said[key] = (*names, one["since"], one["window"] * 180_000)
    return said


@given(EVENTS, st.one_of(st.none(), TIMES))
@settings(max_examples=300)
def test_triage_and_its_second_writing_agree(events, as_of):
    as_of_ms = None if as_of is None else ms(at(as_of))
    assert seen(judged(*events, as_of=as_of)) == expected(triage(events, as_of_ms))


@given(EVENTS, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_neither_order_nor_repetition_of_the_lines_counts(events, rng):
    again = events + [event for event in events if rng.random() < 0.5]
    rng.shuffle(again)
    before, after = judged(*events), judged(*again)
    assert (before["alerts"], before["windows"], before["classes"]) == (
        after["alerts"], after["windows"], after["classes"]
    )  # fmt: skip


@given(EVENTS)
@settings(max_examples=100)
def test_only_a_tag_within_its_window_is_ever_an_activation(events):
    document = judged(*events)
    for alert in document["alerts"]:
        assert alert["class"] in why.REASONS[why.NUMBER[alert["reason"]]].classes
        if alert["treat_as"] == "activation":
            assert alert["level"] == "tagged" and alert["cause"] == "firmware-activation"
            assert alert["source"] in ("declared", "inferred") and alert["window_s"] > 0 and alert["merged"] == 0
            own = [e for e in events if e["event"] == "ad1" and (e["hub"], e["id"]) == (alert["hub"], alert["id"])]
            assert all(e["level"] == "tagged" for e in own)
            duration_s = alert["duration_s"]
            assert alert["restored_by"] is None or (duration_s is not None and duration_s <= alert["window_s"])


def test_contradictions_count_for_what_explains_least():
    """Two alerts of one id and revision that say different things: whichever comes first, an outage."""
    tag = {"level": "tagged", "cause": "firmware-activation", "source": "declared", "window_s": 300}
    for other in ({}, {**tag, "window_s": 0}, {**tag, "source": "none"}, {**tag, "cause": "supply-loss"}):
        events = [ad1(1, **tag), ad1(1, **other), {**ecs80(2), "meter": METER}]
        for order in (events, events[::-1]):
            (alert,) = judged(*order, as_of=36_200)["alerts"]
            assert alert["treat_as"] == "outage", (other, alert)


def test_a_large_crowd_is_judged_as_the_second_writing_does():
    rng = random.Random(5)
    tag = {"level": "tagged", "cause": "firmware-activation", "source": "inferred", "window_s": 300}
    events = [
        ad1(n % 150, 36_000 + rng.randrange(900_000) / 1000, id=outage_id(n), **(tag if n % 3 else {}))
        for n in range(400)
    ]
    for _ in range(300):
        start = 35_800 + rng.randrange(1_000_000) / 1000
        events.append(ecs80(rng.randrange(150), start, start + rng.randrange(1, 400)))
    rng.shuffle(events)
    document = judged(*events)
    assert seen(document) == expected(triage(events))
    assert {one["kind"] for one in document["windows"]} == {"mass"}
    assert len({one["reason"] for one in document["alerts"]}) > 4
