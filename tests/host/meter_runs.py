"""Runs the meter suite on kinds of simulated meter, one after another in one process: FOLDER KIND..."""

import sys

import pytest

NOT_NEEDED = ("cacheprovider", "hypothesispytest", "unraisableexception", "threadexception", "logging", "faulthandler")

if __name__ == "__main__":
    folder, *kinds = sys.argv[1:]
    for kind in kinds:
        options = ["-q", "--tb=no", *(part for name in NOT_NEEDED for part in ("-p", f"no:{name}"))]
        code = pytest.main([*options, "hil/esme", f"--esme-dut=sim:?kind={kind}", f"--hil-report={folder}/{kind}"])
        print(f"exit {kind} {int(code)}")
