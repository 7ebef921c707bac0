"""What is seen of a replica: where it stands, and what an evaluation finds."""

from dataclasses import dataclass, field
from math import nan
from typing import Any

from ..flow import Measures, Profile


@dataclass(frozen=True)
class Outcome:
    """Where a replica stands. ``held`` is None until its first hit has been tested again."""

    steps: int = 0
    solved_at: int | None = None
    held: bool | None = None
    diverged_at: int | None = None
    finished: bool = False


@dataclass(frozen=True)
class Flow:
    """What is kept of one measurement of a replica's gradient flow.

    ``log_first_over_last`` in natural logs, ``horizon`` the first lag under 1 %, None if none is, ``profile`` the row
    of :meth:`Profile.row`.
    """

    log_first_over_last: float
    horizon: int | None
    profile: dict[str, Any]

    @classmethod
    def all_of(cls, profile: Profile) -> list["Flow"]:
        """One for every replica of the profile."""
        ratios = profile.first_over_last().tolist()
        return [cls(ratio, profile.horizon(k), profile.row(k)) for k, ratio in enumerate(ratios)]


UNMEASURED = Flow(nan, None, {})


@dataclass(frozen=True)
class Probe:
    """The flow between evaluations, at the weights after ``step`` updates; ``batch`` is "training" or "probe"."""

    step: int
    batch: str
    flow: Flow


@dataclass(frozen=True)
class Snapshot:
    """One evaluation of one replica after ``outcome.steps`` updates.

    ``train_loss`` is the mean since the last evaluation (NaN at step 0), ``flow`` that on the probe batch, ``measures``
    what :func:`~rnngrad.flow.take_measures` finds on its first samples, ``probes`` what was measured since the last
    evaluation.
    """

    replica: int
    outcome: Outcome
    train_loss: float
    scores: dict[str, float]
    flow: Flow
    seconds: float
    measures: Measures = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
