"""The conformance suite of a Communications Hub: one suite for any hub, because it knows only the wire and the rig."""

import host_tools  # noqa: F401  it makes the wire's definition importable, in a checkout and in an installed wheel
