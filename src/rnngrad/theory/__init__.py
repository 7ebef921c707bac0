"""What paper and pencil predict of a gradient: bounds on the error flow, mean-field theory, random matrices."""

from .batch_norm import batch_norm_factor
from .bound import Bound
from .error_flow import error_flow_bounds
from .gated import chrono_time_scales, gate_path_log_rms, gated_bounds, lstm_exponents, time_scales
from .growth import growth_interval, widest_growth_interval
from .latch import latch, latch_states, latch_threshold
from .mean_field import MeanField, critical_line, mean_field
from .random_matrices import (
    TORCH_GAIN,
    largest_singular_value,
    mean_singular_value,
    newman_exponents,
)
from .residual import residual_log_factors

__all__ = [
    "TORCH_GAIN",
    "Bound",
    "MeanField",
    "batch_norm_factor",
    "chrono_time_scales",
    "critical_line",
    "error_flow_bounds",
    "gate_path_log_rms",
    "gated_bounds",
    "growth_interval",
    "largest_singular_value",
    "latch",
    "latch_states",
    "latch_threshold",
    "lstm_exponents",
    "mean_field",
    "mean_singular_value",
    "newman_exponents",
    "residual_log_factors",
    "time_scales",
    "widest_growth_interval",
]
