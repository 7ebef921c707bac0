"""A paper's experiments run again: the published numbers beside the measured ones, from stored rows. No torch."""

from .error_statistic import error_statistics, statistics_in_words
from .failures import failures, where_wrong
from .readings import Matrix, matrix, matrix_caption, matrix_lines, matrix_sentences
from .rows import Rerun, is_trial, not_run, published_of, reruns
from .verdict import FITS, NOT_RUN, PARTIAL, Published, verdict
from .words import caption, duration, lines, sentences

__all__ = [
    "FITS",
    "NOT_RUN",
    "PARTIAL",
    "Matrix",
    "Published",
    "Rerun",
    "caption",
    "duration",
    "error_statistics",
    "failures",
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
    "statistics_in_words",
    "verdict",
    "where_wrong",
]
