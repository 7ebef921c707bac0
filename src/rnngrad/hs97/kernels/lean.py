"""The decorator of functions that are called in every time step."""

from numba import njit

lean = njit(_nrt=False, error_model="numpy", forceinline=True)
"""Compile without counting references to arrays: a step's calls pass some twenty, and counting takes four times as long
as the arithmetic. Such functions may not create arrays; their caller keeps those it passes alive."""
