"""Every capture here replays as its header expects; `chtool replay FILE --make-test PATH` adds one."""

from pathlib import Path

import pytest

from host_tools.replay.golden import check

CAPTURES = sorted(Path(__file__).parent.glob("*.jsonl"))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_replays_as_its_header_expects(path):
    assert check(path) == ""
