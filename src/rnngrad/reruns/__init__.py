"""A paper's experiments run again: the published numbers beside the measured ones, from stored rows. No torch."""

from .modern import NOT_IN_PAPER, in_paper, sequences_per_step
from .rows import Rerun, is_trial, not_run, published_of, reruns
from .verdict import FITS, NOT_RUN, PARTIAL, Published, verdict
from .words import caption, duration, lines, sentences

__all__ = [
    "FITS",
    "NOT_IN_PAPER",
    "NOT_RUN",
    "PARTIAL",
    "Published",
    "Rerun",
    "caption",
    "duration",
    "in_paper",
    "is_trial",
    "lines",
    "not_run",
    "published_of",
    "reruns",
    "sentences",
    "sequences_per_step",
    "verdict",
]
