"""Simulated peers of a hub: the electricity meter and the head-end. They see frames and time, nothing else."""
