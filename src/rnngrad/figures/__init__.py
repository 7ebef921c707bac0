"""Figures: rows in, figure out. One figure, one file; no torch."""

from .carousel_flow import carousel_flow
from .depth_and_time import depth_and_time
from .depth_chain import depth_chain
from .depth_factors import depth_factors
from .depth_glorot import depth_glorot
from .depth_nielsen import depth_nielsen
from .exponent_convergence import exponent_convergence
from .failed_blocks import failed_blocks
from .flow_by_lag import flow_by_lag
from .gradient_flow import gradient_flow
from .horizon_by_lag import horizon_by_lag
from .inside_blocks import inside_blocks
from .learning_curves import learning_curves
from .probed_flow import probed_flow
from .reading_ratios import reading_ratios
from .remedies_growth import remedies_growth
from .remedies_maps import remedies_gradient, remedies_training
from .singular_values import singular_values
from .steps_to_solve import steps_to_solve
from .success_by_lag import success_by_lag
from .training_measures import training_measures
from .trial_errors import Course, trial_errors
from .trials_until_solved import trials_until_solved

__all__ = [
    "Course",
    "carousel_flow",
    "depth_and_time",
    "depth_chain",
    "depth_factors",
    "depth_glorot",
    "depth_nielsen",
    "exponent_convergence",
    "failed_blocks",
    "flow_by_lag",
    "gradient_flow",
    "horizon_by_lag",
    "inside_blocks",
    "learning_curves",
    "probed_flow",
    "reading_ratios",
    "remedies_gradient",
    "remedies_growth",
    "remedies_training",
    "singular_values",
    "steps_to_solve",
    "success_by_lag",
    "training_measures",
    "trial_errors",
    "trials_until_solved",
]
