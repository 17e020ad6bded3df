"""Replay: a capture goes through the shipped core and shell, and where its hub parts from them is shown."""
