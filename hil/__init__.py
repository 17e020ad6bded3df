"""The conformance suite of a Communications Hub: one suite for any hub, because it knows only the wire and the rig."""
