"""Captures to replay: of real runs of the virtual hub, shortened to what a sniffer in the field would have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from host_tools.link import capture
from host_tools.link.recorded import about
from host_tools.replay.search import Result, replay
from host_tools.testbed import Testbed, virtual


def captured(path: Path, act: Callable[[Testbed], object], **options: Any) -> Path:
    """The capture of a virtual hub (seed 1) to which `act` is done, from its first power-on on."""
    passed: list[Any] = []
    with virtual(keep=passed.append, **options) as bed:
        act(bed)
        capture.write(path, passed, **about(bed.identity, bed.rig, 1))
    return path


def entries(path: Path) -> list[dict[str, Any]]:
    """All lines of a capture, its header first."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewritten(path: Path, values: Iterable[dict[str, Any]], name: str = "rewritten.jsonl") -> Path:
    """A capture with these lines, beside `path`."""
    target = path.with_name(name)
    target.write_text("".join(json.dumps(one) + "\n" for one in values))
    return target


def from_the_field(path: Path, bench: bool = True, since_ms: int = 0) -> Path:
    """Frames and times alone: no rig, no power, no word of the hub's configuration or keys; without BENCH if asked."""
    head, *rest = entries(path)
    kept = [one for one in rest if "content" in one and one["at_ms"] >= since_ms and (bench or one["link"] != "BENCH")]
    bare = [{name: one[name] for name in ("at_ms", "to_hub", "content")} for one in kept]
    return rewritten(path, [{"format": head["format"], "version": head["version"]}, *bare], f"field-{path.name}")


def same(path: Path, **options: Any) -> Result:
    """The result of a replay that must not part."""
    result = replay(path, **options)
    assert result.part is None, (result.part, result.taken)
    assert result.compared > 0
    return result
