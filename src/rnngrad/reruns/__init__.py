"""A paper's experiments run again: the published numbers beside the measured ones, from stored rows. No torch."""

from .rows import Rerun, is_trial, not_run, published_of, reruns
from .verdict import FITS, NOT_RUN, PARTIAL, Published, verdict
from .words import caption, duration, lines, sentences

__all__ = [
    "FITS",
    "NOT_RUN",
    "PARTIAL",
    "Published",
    "Rerun",
    "caption",
    "duration",
    "is_trial",
    "lines",
    "not_run",
    "published_of",
    "reruns",
    "sentences",
    "verdict",
]
