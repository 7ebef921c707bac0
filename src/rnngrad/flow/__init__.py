"""Measurements on a chain of states: how far back does its gradient reach?"""

from .adjoint import measure_flow
from .profile import Profile

__all__ = ["Profile", "measure_flow"]
