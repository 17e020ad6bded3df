"""The project's figures of speed, memory and size, each against its bar: `python -m host_tools.benchmarks`."""
