"""Set-up for all of tests/: how Hypothesis searches. What pytest itself needs stands in pyproject.toml."""

import os

from hypothesis import settings

# No deadline per example: a busy machine's pauses are no failure. CI repeats one search: it fails for a change only.
settings.register_profile("chf", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("chf")
