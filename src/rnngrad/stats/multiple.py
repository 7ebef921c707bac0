"""Many tests at once."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values: rejecting those under α rejects any true hypothesis with a chance of at most α.

    Step down from the smallest: of m tests, the one of rank k counts m - k + 1 times, and no less than those before it
    (Holm 1979, Scand. J. Stat. 6:65-70). Holds however the tests depend on each other.
    """
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, dtype=np.float64)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]
