"""A net probed without training: gradient flow, exponents, singular values, bounds and prediction as rows."""

from . import words
from .measurement import measured
from .stored import stored_run
from .subjects import Case, Data, Subject, cell_subject
from .summary import summary
from .user_module import module_subject

__all__ = ["Case", "Data", "Subject", "cell_subject", "measured", "module_subject", "stored_run", "summary", "words"]
