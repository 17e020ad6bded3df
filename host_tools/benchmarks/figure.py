"""A figure: a measured value against its bar; and how a list of them is shown and kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from host_tools.cli.output import print_rows
from host_tools.errors import EXIT_USAGE, BenchError


@dataclasses.dataclass(frozen=True)
class Figure:
    """value: None where it could not be measured. bar: the most that it may be, None for information only."""

    name: str
    value: float | None
    unit: str
    bar: float | None
    how: str

    @property
    def holds(self) -> bool:
        """What could not be measured does not hold."""
        return self.value is not None and (self.bar is None or self.value <= self.bar)

    @property
    def ratio(self) -> float | None:
        """Value to bar; None where there is no ratio to form."""
        return self.value / self.bar if self.value is not None and self.bar else None

    def to_json(self) -> dict[str, Any]:
        value = None if self.value is None else round(self.value, 4)
        return {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "bar": self.bar,
            "holds": self.holds,
            "how": self.how,
        }


@dataclasses.dataclass(frozen=True)
class Measure:
    """What measures the figures of these names. take(quick): fewer repetitions where that is True.

    slow: it runs for longer than a test may wait, so a quick run leaves it out unless it is named.
    optional: it needs what the project does not install; without that, a run that has other figures leaves it out.
    """

    names: tuple[str, ...]
    take: Callable[[bool], Sequence[Figure]]
    slow: bool = False
    optional: bool = False


def show(figures: Sequence[Figure]) -> None:
    """Print them as a table, and how each was measured that falls short."""
    rows = []
    for figure in figures:
        ratio = figure.ratio
        verdict = ("holds" if figure.holds else "SHORT") if figure.bar is not None or not figure.holds else "-"
        rows.append(
            (
                figure.name,
                _number(figure.value),
                figure.unit,
                _number(figure.bar),
                "-" if ratio is None else f"{ratio:.2f}",
                verdict,
            )
        )
    print_rows("Figures", ("figure", "value", "unit", "bar", "of the bar", "verdict"), rows)
    for figure in figures:
        if not figure.holds:
            print(f"{figure.name} falls short: {figure.how}.")


def write(figures: Sequence[Figure], path: Path) -> None:
    """Keep them as JSON. Raises BenchError where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([figure.to_json() for figure in figures], indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
