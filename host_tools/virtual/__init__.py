"""The virtual bench: the real MicroPython VM as a hub, and a rig that carries its supply and its time. POSIX only."""
