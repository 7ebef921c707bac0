"""Statistics of runs: rates, times to success, the lag at which success halves, comparisons on common seeds."""

from .half_success import HalfSuccess, Tried, half_success
from .intervals import censored_median, t_interval, wilson
from .multiple import holm
from .paired import Difference, McNemar, mcnemar, median_difference
from .survival import LogRank, Median, Survival, Times, kaplan_meier, log_rank

__all__ = [
    "Difference",
    "HalfSuccess",
    "LogRank",
    "McNemar",
    "Median",
    "Survival",
    "Times",
    "Tried",
    "censored_median",
    "half_success",
    "holm",
    "kaplan_meier",
    "log_rank",
    "mcnemar",
    "median_difference",
    "t_interval",
    "wilson",
]
