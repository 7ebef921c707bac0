"""A slice of a job, computed on a worker."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import torch

from ...jobs import Job, Report, State
from .gpu import claim


@dataclass(frozen=True)
class Slice:
    """What was seen up to ``step``, and the state to go on from; None at the end of the job."""

    step: int
    reports: tuple[Report, ...]
    state: State | None

    @property
    def given(self) -> Callable[[], State] | None:
        """The state as a tick has it."""
        state = self.state
        return (lambda: state) if state else None


def advance(job: Job, state: State | None, seconds: float, own_gpu: bool = False) -> Slice:
    """Computes on one thread, for so many seconds and on to the next place from which the job can be resumed.

    With ``own_gpu`` on a GPU that no other worker of this machine has.
    """
    torch.set_num_threads(1)
    if own_gpu:
        torch.cuda.set_device(claim())
    reports: list[Report] = []
    began = monotonic()
    step = int(state.facts["step"]) if state else 0
    for tick in job.ticks(state):
        step = tick.step
        reports += tick.reports
        if tick.reports and tick.state and monotonic() - began >= seconds:
            return Slice(step, tuple(reports), tick.state())
    return Slice(step, tuple(reports), None)
