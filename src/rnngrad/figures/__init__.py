"""Figures: rows in, figure out. One figure, one file; no torch."""

from .depth_chain import depth_chain
from .depth_factors import depth_factors
from .depth_glorot import depth_glorot
from .depth_nielsen import depth_nielsen
from .flow_by_lag import flow_by_lag
from .gradient_flow import gradient_flow
from .learning_curves import learning_curves
from .remedies_growth import remedies_growth
from .remedies_maps import remedies_gradient, remedies_training

__all__ = [
    "depth_chain",
    "depth_factors",
    "depth_glorot",
    "depth_nielsen",
    "flow_by_lag",
    "gradient_flow",
    "learning_curves",
    "remedies_gradient",
    "remedies_growth",
    "remedies_training",
]
