"""Checks of one board on one cable: the self-test, the energy budget, what its MicroPython has."""
