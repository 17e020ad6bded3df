"""How long a scenario may take: a stepped virtual hub has pytest's limit, what is slower its own deadlines."""

import subprocess
import sys

from chtool import ROOT


def test_a_hub_in_real_time_may_take_longer_than_pytests_limit(tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "hil", "-k", "gbcs_goes_down and plain"]
    command += ["--hil-dut", "sim:?speed=4", "-o", "timeout=0.5"]  # it takes 3 s to settle, in a quarter of the time
    done = subprocess.run(
        [*command, "--hil-report", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-2000:] + done.stderr
