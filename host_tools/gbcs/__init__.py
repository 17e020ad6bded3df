"""GBCS messages of our own making, for bench and tests, and one line about any message for people."""
