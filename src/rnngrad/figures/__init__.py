"""Figures: rows in, figure out. One figure, one file; no torch."""

from .flow_by_lag import flow_by_lag
from .gradient_flow import gradient_flow
from .learning_curves import learning_curves
from .training_measures import training_measures

__all__ = ["flow_by_lag", "gradient_flow", "learning_curves", "training_measures"]
