"""The report of a demo run: recordings of scenes, their timelines, one self-contained HTML page."""

from host_tools.report.page import render_terminal, write_report
from host_tools.report.recording import Alert, RecordingError, Scene, Step, from_json, to_json

__all__ = ["Alert", "RecordingError", "Scene", "Step", "from_json", "render_terminal", "to_json", "write_report"]
