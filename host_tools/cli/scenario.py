"""chtool scenario: the demo's scenes, one at a time, on a virtual hub of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from host_tools.cli import output
from host_tools.errors import EXIT_USAGE, BenchError


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the virtual hub's random octets.")
@click.option("--report", "path", type=click.Path(path_type=Path), metavar="FILE", help="Write an HTML report.")
@click.option("--captures", type=click.Path(path_type=Path), metavar="DIR", help="Keep each scene's capture there.")
@output.as_json
def scenario(names: tuple[str, ...], seed: int, path: Path | None, captures: Path | None, json_wanted: bool) -> int:
    """Run the scenes NAME... and print what came of each; without a name, list them.

    Exit code 1 where one did not end as it must. Supply, meter, head-end and time are simulated.
    """
    from host_tools.demo.scenes import SCRIPTS, run

    scripts = {script.name: script for script in SCRIPTS}
    if not names:
        _list(scripts, json_wanted)
        return 0
    for name in names:
        if name not in scripts:
            raise BenchError(f"There is no scene '{name}': the scenes are {', '.join(scripts)}.", EXIT_USAGE)
    if captures is not None:
        try:
            captures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError(f"{captures} cannot be made: {error.strerror}.", EXIT_USAGE) from None
    scenes = [run(scripts[name], _quiet if json_wanted else _tell, seed, captures) for name in names]
    if json_wanted:
        keys = ("name", "title", "simulated", "expected", "got", "ok")
        output.print_json([{key: getattr(scene, key) for key in keys} for scene in scenes])
    else:
        rows = [(one.name, one.expected, one.got, "yes" if one.ok else "NO") for one in scenes]
        output.print_rows("Verdicts (simulated)", ("scene", "expected", "got", "as expected"), rows)
    if path is not None:
        from host_tools.report import write_report

        write_report(path, "chtool scenario", scenes, {})
    return 0 if all(scene.ok for scene in scenes) else 1


def _list(scripts: dict[str, Any], json_wanted: bool) -> None:
    rows = [(script.name, script.title, script.expected) for script in scripts.values()]
    if json_wanted:
        output.print_json([dict(zip(("name", "title", "expected"), row, strict=True)) for row in rows])
    else:
        output.print_rows("Scenes", ("scene", "what happens", "expected"), rows)


def _tell(at_s: float, since_loss_s: float | None, actor: str, text: str) -> None:
    print(f"{at_s:9.3f} s  {actor}: {text}")
    sys.stdout.flush()


def _quiet(at_s: float, since_loss_s: float | None, actor: str, text: str) -> None:
    return None
