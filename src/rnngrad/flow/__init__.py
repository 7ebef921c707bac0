"""Measurements on a chain of states: how far back does its gradient reach?"""

from .adjoint import measure_flow
from .measures import Measures, take_measures
from .omega import FORMS, Omega
from .profile import Profile

__all__ = ["FORMS", "Measures", "Omega", "Profile", "measure_flow", "take_measures"]
