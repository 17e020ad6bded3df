"""chtool selftest: one board, one cable, no wiring, under a minute."""

from __future__ import annotations

import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from host_tools.cli import output
from host_tools.errors import EXIT_FAILED

RESETS = 100
WATCHDOGS = 1  # in a quick run of a real board: each takes 8 s and a start
PAGE = Path("build/selftest/report.html")


@click.command()
@output.url
@output.keys
@click.option("--full", is_flag=True, help="Cut the journal 100 times by the watchdog: 20 minutes on a real board.")
@click.option("--resets", type=click.IntRange(1, 10_000), default=RESETS, show_default=True, help="How many, at most.")
@click.option("--report", type=click.Path(path_type=Path), default=PAGE, show_default=True, metavar="FILE")
@output.as_json
def selftest(
    url: str, identity: dict[str, Any] | None, full: bool, resets: int, report: Path, json_wanted: bool
) -> None:
    """Test the strapped hub at URL over its one cable: identity, journal, AD1 at 180 s; exit code 1 where one fails.

    A quick run of a real board cuts its journal once by the watchdog and, for 20 s, by clean restarts. The watchdog
    cuts while records are written. A virtual hub, whose time is simulated, has its journal cut by the watchdog alone.
    """
    output.look_at(report, make_folder=True)
    from host_tools.checks.selftest import QUICK_S, Check, SelfTest
    from host_tools.checks.selftest_page import write_page
    from host_tools.link.connect import SOFT, connect
    from host_tools.link.own_rig import brings_rig, options_of, simulated_in

    stepped = brings_rig(url) and not options_of(url)[0].get("speed", 0)
    all_by_watchdog = full or stepped
    start = time.monotonic()

    def heard(check: Check) -> None:
        if not json_wanted:
            print(f"{'ok' if check.ok else 'NOT OK':6}  {check.name:8}  {check.said}", flush=True)

    with connect(url, SOFT, identity) as bed:
        watchdogs = resets if all_by_watchdog else min(resets, WATCHDOGS)
        test = SelfTest(bed, resets, watchdogs, None if all_by_watchdog else QUICK_S, heard)
        checks = test.run()
        simulated = simulated_in(url) if stepped else bed.rig.simulated
    seconds = time.monotonic() - start
    environment = {
        "hub": test.identity["hub"].hex() if test.identity else "unknown",
        "URL": url,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "took": f"{seconds:.0f} s",
        "host": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }
    write_page(report, f"Self-test of hub {environment['hub']}", checks, simulated, environment)
    passed = all(check.ok for check in checks)
    if json_wanted:
        listed = [vars(check) for check in checks]
        output.print_json(
            {"passed": passed, "checks": listed, "seconds": seconds, "simulated": simulated, "report": str(report)}
        )
    else:
        print(f"{'passed' if passed else 'FAILED'} in {seconds:.0f} s; simulated: {simulated}; page: {report}")
    if not passed:
        sys.exit(EXIT_FAILED)
