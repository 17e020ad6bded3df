"""The journal: append-only records in power-safe files."""
