"""The conformance suite of an electricity meter: the suite plays the hub, and knows only the wire and the rig."""
