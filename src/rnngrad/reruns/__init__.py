"""A paper's experiments run again: the published numbers beside the measured ones, from stored rows. No torch."""

from .error_statistic import error_statistics, statistics_in_words
from .failures import failures, where_wrong
from .modern import NOT_IN_PAPER, in_paper, sequences_per_step
from .readings import Matrix, matrix, matrix_caption, matrix_lines, matrix_sentences
from .rows import TEXT, Rerun, is_trial, not_run, published_of, reruns
from .verdict import FITS, NOT_RUN, PARTIAL, Published, verdict
from .words import caption, duration, lines, sentences

__all__ = [
    "FITS",
    "NOT_IN_PAPER",
    "NOT_RUN",
    "PARTIAL",
    "TEXT",
    "Matrix",
    "Published",
    "Rerun",
    "caption",
    "duration",
    "error_statistics",
    "failures",
    "in_paper",
    "is_trial",
    "lines",
    "matrix",
    "matrix_caption",
    "matrix_lines",
    "matrix_sentences",
    "not_run",
    "published_of",
    "reruns",
    "sentences",
    "sequences_per_step",
    "statistics_in_words",
    "verdict",
    "where_wrong",
]
