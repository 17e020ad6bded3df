"""From the source files to a provisioned hub: shrunk, compiled, with its keys."""
