"""Does a published result hold: could the paper's trials be some of ours?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..stats import prediction_interval
from ..stats.prediction import LEAST

REPRODUCED, DIFFERS, PARTIAL, NOT_RUN, FITS = "reproduced", "differs", "partial", "not run", "fits with"
UNFINISHED = "unfinished"
"""Trials have begun, and none is at its end."""
NOT_PRINTED = "nothing printed"
"""The paper has no number for it."""
LEVEL = 0.05


@dataclass(frozen=True)
class Published:
    """A row of a paper: how many of its trials solved the task, and the mean number of sequences of those that did.

    ``mean`` is None where the paper prints none, or only that no trial was done by then.
    """

    trials: int
    solved: int
    mean: float | None = None


def verdict(times: Sequence[float], trials: int, published: Published, reading: str | None = None) -> str:
    """What our trials say of the paper's.

    times: sequences until success of those that solved it; trials: all that came to their end; reading: None for the
    plain one of the text, else what it is called.

    ``reproduced``: the published mean lies inside the 95 % prediction interval for a mean of as many trials as the
    paper's solved ones, and by Fisher's exact test (two-sided, 5 %) the paper's trials and ours may have the same
    chance of success. ``differs``: not so. ``partial``: too few trials of ours to say, fewer than the paper's or, where
    the chances agree, fewer than two that solved it. A reading that is not the text's reproduces nothing: it ``fits``.
    """
    if not trials:
        return NOT_RUN
    if trials < published.trials:
        return PARTIAL
    if not same_chance(len(times), trials, published):
        return DIFFERS
    if published.mean is not None:
        if len(times) < LEAST:
            return PARTIAL
        low, high = prediction_interval(times, published.solved)
        if not low <= published.mean <= high:
            return DIFFERS
    return REPRODUCED if reading is None else f"{FITS} {reading}"


def same_chance(solved: int, trials: int, published: Published) -> bool:
    """Fisher's exact test of the numbers of solved trials (Fisher 1934)."""
    from scipy.stats import fisher_exact

    table = [[solved, trials - solved], [published.solved, published.trials - published.solved]]
    return bool(fisher_exact(np.array(table)).pvalue >= LEVEL)
