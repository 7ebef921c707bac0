"""Experiment 3: noise and signal on the same input line."""

from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.random import Generator

from ...errors import UsageError
from ..sequences import Reals, Sequences
from .base import Kinds, Problem97, last_only, starts_of


@dataclass(frozen=True)
class TwoSequence(Problem97):
    """Tell by the first N numbers, +1 or -1, which of two classes the sequence belongs to; noise follows.

    One real input, Gaussian noise of variance ``noise`` after the first N; length uniform in T … T + T/10 (whole
    numbers, both ends). ``signal_noise`` is added to the N informative inputs (3b), ``target_noise`` to the target
    of a training sequence (3c), never of a test sequence; both are variances. ``targets``: of class 1 (+1) and of
    class 2 (-1). ``classes``: the class, 1 or 2.

    References: Hochreiter & Schmidhuber 1997, section 5.3; Bengio, Simard & Frasconi 1994.
    """

    length: int = field(metadata={"least": 1})
    informative: int = field(metadata={"least": 1})
    noise: float = field(default=0.2, metadata={"least": 0})
    signal_noise: float = field(default=0.0, metadata={"least": 0})
    target_noise: float = field(default=0.0, metadata={"least": 0})
    class_targets: tuple[float, ...] = (1.0, 0.0)

    def __post_init__(self) -> None:
        if self.informative > self.length:
            raise UsageError(f"'informative' {self.informative}: expected at most 'length', {self.length}")
        if len(self.class_targets) != 2:
            raise UsageError(f"'class_targets': expected two numbers, got {list(self.class_targets)}")

    @property
    def inputs(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return 1

    @property
    def mean_steps(self) -> float:
        return self.length + (self.length // 10) / 2

    @property
    def minimal_lag(self) -> int:
        return self.length

    def kinds(self, block: Sequences) -> Kinds:
        return {"class": np.array(["", "of class 1", "of class 2"])[block.classes]}

    def draw(self, n: int, rng: Generator) -> Sequences:
        clean = self.draw_test(n, rng)
        if not self.target_noise:
            return clean
        return replace(clean, targets=clean.targets + sqrt(self.target_noise) * rng.standard_normal((n, 1)))

    def draw_test(self, n: int, rng: Generator) -> Sequences:
        classes = rng.integers(1, 3, size=n)
        starts = starts_of(rng.integers(self.length, self.length + self.length // 10 + 1, size=n))
        values = sqrt(self.noise) * rng.standard_normal(starts[-1])
        values[starts[:-1, np.newaxis] + np.arange(self.informative)] = (
            self._signal(n, rng) + (3 - 2 * classes)[:, None]
        )
        return Sequences(
            starts=starts,
            scored=last_only(starts),
            targets=np.array(self.class_targets)[classes - 1, np.newaxis],
            inputs=1,
            values=values[:, np.newaxis],
            classes=classes,
        )

    def _signal(self, n: int, rng: Generator) -> Reals:
        if not self.signal_noise:
            return np.zeros((n, self.informative))
        return sqrt(self.signal_noise) * rng.standard_normal((n, self.informative))
