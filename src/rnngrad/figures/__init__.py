"""Figures: rows in, figure out. One figure, one file; no torch."""

from .depth_and_time import depth_and_time
from .flow_by_lag import flow_by_lag
from .gradient_flow import gradient_flow
from .learning_curves import learning_curves

__all__ = ["depth_and_time", "flow_by_lag", "gradient_flow", "learning_curves"]
