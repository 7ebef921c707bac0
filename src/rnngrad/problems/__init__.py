"""Synthetic long-lag problems, one file each. To add one, copy a file of this folder and add a line to PROBLEMS."""

from .adding import Adding
from .base import Problem
from .copying import Copy
from .multiplication import Multiplication
from .noiseless_recall import NoiselessRecall
from .reber import Reber
from .temporal_order import TemporalOrder
from .two_sequence import TwoSequence

PROBLEMS: dict[str, type[Problem]] = {
    "adding": Adding,
    "copy": Copy,
    "multiplication": Multiplication,
    "noiseless_recall": NoiselessRecall,
    "reber": Reber,
    "temporal_order": TemporalOrder,
    "two_sequence": TwoSequence,
}

__all__ = ["PROBLEMS", "Problem"]
