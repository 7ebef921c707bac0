"""Figures: rows in, figure out. One figure, one file; no torch."""

from .gradient_flow import gradient_flow
from .learning_curves import learning_curves

__all__ = ["gradient_flow", "learning_curves"]
