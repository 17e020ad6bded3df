"""The core: events in, effects out; no I/O and no clock."""
