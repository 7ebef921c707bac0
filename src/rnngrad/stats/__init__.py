"""Statistics of runs: rates, times to success, the lag at which success halves, comparisons on common seeds.

And whether a published mean is one that new trials could have.
"""

from .half_success import HalfSuccess, Tried, half_success
from .intervals import censored_median, t_interval, wilson
from .multiple import holm
from .paired import Difference, McNemar, mcnemar, median_difference
from .prediction import mean_interval, prediction_interval
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
    "mean_interval",
    "median_difference",
    "prediction_interval",
    "t_interval",
    "wilson",
]
