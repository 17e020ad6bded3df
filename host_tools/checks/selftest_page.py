"""The self-test's result as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from host_tools.checks.selftest import Check

CHECKS = ("identity", "cable", "journal", "alert")
_TEMPLATE = Path(__file__).with_name("selftest.html.j2")


def write_page(
    path: Path, title: str, checks: Sequence[Check], simulated: str, environment: Mapping[str, object]
) -> None:
    """Write the page, its folder made if missing. Raises OSError where it cannot be written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        loader=FileSystemLoader(_TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made = [check.name for check in checks]
    page = jinja.get_template(_TEMPLATE.name).render(
        title=title,
        checks=checks,
        passed=sum(check.ok for check in checks),
        missing=[name for name in CHECKS if name not in made],
        simulated=simulated,
        environment=environment,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
