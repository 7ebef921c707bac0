"""The paper's problems, one file each; a card's [problem] names one by its ``kind``."""

from .base import Problem97
from .distractors import Distractors
from .marked_pairs import Adding97, Multiplication97
from .noise_free import LongLag
from .reber import EmbeddedReber
from .temporal_order import TemporalOrder
from .two_sequence import TwoSequence

PROBLEMS97: dict[str, type[Problem97]] = {
    "embedded_reber": EmbeddedReber,
    "long_lag": LongLag,
    "distractors": Distractors,
    "two_sequence": TwoSequence,
    "adding": Adding97,
    "multiplication": Multiplication97,
    "temporal_order": TemporalOrder,
}

__all__ = ["PROBLEMS97", "Problem97"]
