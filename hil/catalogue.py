"""The requirements and the scenarios that judge them: read from requirements.toml and from the test files' marks."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LEVELS = ("must", "should")
_KEYS = {"id", "text", "source", "level"}


class CatalogueError(Exception):
    """One sentence that says what does not fit and where."""


@dataclass(frozen=True)
class Requirement:
    """id: "OUT-01". text: one normative sentence. source: where it comes from. level: one of LEVELS."""

    id: str
    text: str
    source: str
    level: str


def requirements(path: Path = FOLDER / "requirements.toml") -> dict[str, Requirement]:
    """All requirements by id, in the file's order. Raises CatalogueError."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["requirement"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise CatalogueError(f"{path.name} cannot be read: {error}.") from None
    found: dict[str, Requirement] = {}
    for row in rows:
        if set(row) != _KEYS or not all(isinstance(value, str) and value for value in row.values()):
            raise CatalogueError(f"A requirement takes {', '.join(sorted(_KEYS))}, all text; this one does not: {row}.")
        if row["id"] in found or row["level"] not in LEVELS:
            raise CatalogueError(f"Requirement {row['id']} stands twice, or its level is none of {', '.join(LEVELS)}.")
        found[row["id"]] = Requirement(**row)
    return found


def _marks(node: ast.AST, name: str) -> Iterator[ast.Call]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == name:
            yield inner


def scenarios(folder: Path = FOLDER) -> dict[str, list[str]]:
    """Requirement ids by scenario, "test_file.py::test_name": what the marks on each test function say.

    Raises CatalogueError for a scenario that names no requirement.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.name)):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            calls = [call for decorator in node.decorator_list for call in _marks(decorator, "requirement")]
            ids = [argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)]
            if not ids:
                raise CatalogueError(
                    f"{path.name}::{node.name} names no requirement: mark it @pytest.mark.requirement(...)."
                )
            found[f"{path.name}::{node.name}"] = [str(value) for value in ids]
    return found


def check(known: dict[str, Requirement], judged_by: dict[str, list[str]]) -> None:
    """Raises CatalogueError for a scenario with an unknown requirement, or a requirement that no scenario judges."""
    for scenario, ids in judged_by.items():
        for name in ids:
            if name not in known:
                raise CatalogueError(f"{scenario} names requirement {name}, which requirements.toml does not have.")
    unjudged = sorted(set(known) - {name for ids in judged_by.values() for name in ids})
    if unjudged:
        raise CatalogueError(f"No scenario judges {', '.join(unjudged)}: write one, or drop it from requirements.toml.")
