"""Loaded by the workers of a cluster of our own, as they start."""

import signal


def dask_setup(worker: object) -> None:
    """Ctrl-C reaches every process of a terminal, and is for the one that gives the orders."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
