"""Triage written a second time, from SPEC.md alone, one event after the other: what the quick one must agree with."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

SLACK_MS = 60_000
WINDOW_MS = 180_000
PLAIN_CAUSES = ("supply-loss", "mains-hinted", "hub-removed-hinted")


def ms(text: str | None) -> int | None:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def triage(events: list[dict[str, Any]], as_of_ms: int | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    """(hub, id or time of arrival) to what is said of that outage."""
    if as_of_ms is not None:
        events = [event for event in events if ms(event["at"]) <= as_of_ms]  # type: ignore[operator]
    newest = as_of_ms if as_of_ms is not None else max((ms(event["at"]) or 0 for event in events), default=0)
    told: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["event"] == "ad1":
            told[event["hub"], event.get("id") or str(ms(event["at"]))].append(event)
    outages = {key: _outage(key, alerts, events, newest) for key, alerts in told.items()}
    hubs: dict[int, set[str]] = defaultdict(set)
    untagged: dict[int, set[str]] = defaultdict(set)
    for (hub, _), outage in outages.items():
        hubs[outage["window"]].add(hub)
        if outage["reason"] != "in-window":
            untagged[outage["window"]].add(hub)
    for outage in outages.values():
        outage["hubs"] = len(hubs[outage["window"]])
        outage["kind"] = "mass" if outage["hubs"] > 50 else "isolated"
        if outage["reason"] == "in-window" and len(untagged[outage["window"]]) > 50:
            outage["reason"] = "mass-loss"
        outage["treat_as"] = "activation" if outage["reason"] == "in-window" else "outage"
    return outages


def _outage(
    key: tuple[str, str], alerts: list[dict[str, Any]], events: list[dict[str, Any]], newest: int
) -> dict[str, Any]:
    hub = key[0]
    plain = [alert for alert in alerts if alert.get("level") != "tagged"]
    revision = max(alert.get("revision") or 0 for alert in plain or alerts)
    alert = next(one for one in plain or alerts if (one.get("revision") or 0) == revision)
    first = min(ms(one["at"]) or 0 for one in alerts)
    loss = ms(alert.get("loss"))
    known = loss is not None and loss <= first + SLACK_MS
    since = loss if known and loss is not None else first

    own = [e for e in events if e["event"] == "restored" and (e["hub"], e["id"]) == key]
    meter = [e for e in events if e["event"] == "ecs80" and e["hub"] == hub and ms(e["end"]) > since]  # type: ignore[operator]
    meter.sort(key=lambda e: ms(e["end"]) or 0)
    duration = None
    if own:
        durations = [e.get("duration_s") for e in own]
        duration = None if None in durations else max(d for d in durations if d is not None) * 1000
    elif meter and known:
        duration = (ms(meter[0]["end"]) or 0) - since
    long = next((e for e in meter if e["code"] == "8F36"), None)
    window_ms = (alert.get("window_s") or 0) * 1000
    changed = any(e["event"] == "without_notice" and (e["hub"], e["id"]) == key for e in events)
    said = {
        "back": bool(own or meter),
        "by": "hub" if own else "meter" if meter else None,
        "duration": duration,
        "confirmed": long is not None and (ms(long["start"]) or 0) <= since + max(window_ms, WINDOW_MS) + SLACK_MS,
        "short": bool(meter) and meter[0]["code"] == "8F35" and abs((ms(meter[0]["start"]) or 0) - since) <= SLACK_MS,
        "changed": changed,
        "over": newest > since + window_ms + SLACK_MS,
    }
    reason = _reason(alert, known, window_ms, said)
    return {"reason": reason, "since": since, "window": since // WINDOW_MS, "by": said["by"], "revision": revision}


def _reason(alert: dict[str, Any], known: bool, window_ms: int, said: dict[str, Any]) -> str:
    cause = alert.get("cause")
    if cause == "merged" or alert.get("merged"):
        return "merged"
    if cause in (None, "none"):
        return "no-cause"
    if cause == "activation-overrun":
        return "overrun"
    if cause == "unknown-duration":
        return "unproven"
    if cause in PLAIN_CAUSES:
        if said["confirmed"]:
            return "meter-confirms"
        if said["changed"] and cause != "hub-removed-hinted":
            return "version-changed"
        if cause != "supply-loss":
            return "mains-hinted" if cause == "mains-hinted" else "removed-hinted"
        return "meter-short" if said["short"] else "supply-loss"
    if cause != "firmware-activation":
        return "unknown-cause"
    if alert.get("level") != "tagged" or alert.get("source") not in ("declared", "inferred"):
        return "tag-doubted"
    if not known or not window_ms:
        return "no-window"
    if said["confirmed"]:
        return "meter-confirms"
    if said["back"]:
        return "in-window" if said["duration"] is not None and said["duration"] <= window_ms else "outlasted"
    return "not-back" if said["over"] else "in-window"
