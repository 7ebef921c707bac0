"""When a factor w σ'(w a + b) of the backward product is not below 1 in a net of logistic units."""

from math import inf, log, sqrt

from ..errors import UsageError


def growth_interval(weight: float) -> float:
    """Width of the interval of the input activation a in which |w σ'(w a + b)| >= 1, for any bias b; 0 if |w| < 4.

    (2/|w|) ln(|w| (1 + √(1 - 4/|w|))/2 - 1): σ' is at most 1/4, and at least 1/|w| between the two z at which
    σ (1 - σ) = 1/|w|. Raises UsageError for a weight that is not finite.

    Reference: Nielsen 2015, Neural Networks and Deep Learning, chapter 5, where it is a problem for the reader.
    """
    size = abs(weight)
    if not size < inf:
        raise UsageError(f"a weight must be finite, got {weight:g}")
    return 2 / size * log(size * (1 + sqrt(1 - 4 / size)) / 2 - 1) if size >= 4 else 0.0


def widest_growth_interval() -> tuple[float, float]:
    """The |w| at which that interval is widest, and its width there: 6.894 and 0.4477."""
    from scipy.optimize import minimize_scalar  # slow to import, and no command needs it at its start

    found = minimize_scalar(
        lambda w: -growth_interval(w), bounds=(4.0, 20.0), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x), -float(found.fun)
