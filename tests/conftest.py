"""Set-up for all of tests/: how Hypothesis searches. What pytest itself needs stands in pyproject.toml."""

import os

from hypothesis import settings

# No deadline per example: a busy machine's pauses are no failure. One search for everybody, so that a run fails for a
# change only; `CHF_EXPLORE=1 inv test` searches elsewhere each time.
settings.register_profile("chf", deadline=None, derandomize="CHF_EXPLORE" not in os.environ, print_blob=True)
settings.load_profile("chf")
