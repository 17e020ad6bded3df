"""The Communications Hub Function: core, wire, journal and the shell that joins them to a board."""

__version__ = "0.1.0"
