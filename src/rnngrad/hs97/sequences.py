"""What the machine reads and what it gives back: N sequences laid end to end, and how each of them went."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Sequences:
    """N sequences laid end to end; sequence n is steps ``starts[n]:starts[n + 1]``.

    Inputs are one-hot (``symbols``) or real (``values``), never both. A step is scored if it has a target; the
    targets stand in the order of the scored steps, and every sequence's last step is scored.
    """

    starts: NDArray[np.int64]
    """(N + 1,), from 0 to the number of steps."""
    scored: Flags
    """(steps,) Has the step a target?"""
    targets: Reals
    """(scored steps, O)"""
    inputs: int
    """I, the input width."""
    symbols: NDArray[np.int32] | None = None
    """(steps,) The index of the one-hot input."""
    values: Reals | None = None
    """(steps, I) The real inputs."""
    classes: NDArray[np.int64] | None = None
    """(N,) What a test wants to know of a sequence beside its target, such as its class."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def steps(self) -> int:
        """Time steps of all sequences together."""
        return int(self.starts[-1])

    def part(self, first: int, last: int) -> "Sequences":
        """Sequences ``first`` to ``last - 1``, without copying the steps."""
        a, b = int(self.starts[first]), int(self.starts[last])
        before = int(self.scored[:a].sum())
        return replace(
            self,
            starts=self.starts[first : last + 1] - a,
            scored=self.scored[a:b],
            targets=self.targets[before : before + int(self.scored[a:b].sum())],
            symbols=None if self.symbols is None else self.symbols[a:b],
            values=None if self.values is None else self.values[a:b],
            classes=None if self.classes is None else self.classes[first:last],
        )


@dataclass(frozen=True)
class Scores:
    """How N sequences went, each before the net learnt from it. A net that diverged gives NaN."""

    squared: Reals
    """(N,) Sum of (target - output)² over outputs and scored steps."""
    worst: Reals
    """(N,) Largest |target - output| over outputs and scored steps."""
    last: Reals
    """(N,) The same at the last scored step."""
    outputs: Reals
    """(scored steps, O)"""
