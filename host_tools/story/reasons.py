"""Why each row of the policy table decides as it does: the comments above the rows, for people."""

from __future__ import annotations

from functools import cache

from host_tools.locate import root


@cache
def reasons() -> list[str]:
    """One sentence for each row of chf.core.policy.TABLE, in order. As comments they cost a hub no heap."""
    lines = [
        line.strip() for line in (root("firmware") / "chf/core/policy.py").read_text(encoding="utf-8").splitlines()
    ]
    return [lines[at - 1].lstrip("# ") for at, line in enumerate(lines) if line.startswith('"\\n') and len(line) > 4]
