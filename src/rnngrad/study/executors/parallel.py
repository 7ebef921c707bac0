"""In several workers at once, a slice of a job at a time."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from time import sleep
from typing import Protocol

from ...jobs import Job, State, Tick
from ..checkpoints import DAMAGE
from ..listening import Listener
from ..plan import Portion
from .base import reason
from .slice import Slice

SECONDS = 2.0
"""A slice ends at the first evaluation after so many seconds: what is lost with a worker, or with this process."""
IDLE = 0.5
"""Seconds between looks at how many workers there are."""


class Pool(Protocol):
    """Workers. What is submitted may be computed more than once, and its worker may be lost."""

    @property
    def patience(self) -> int:
        """How often a slice may lose its worker before it is given up."""

    @property
    def losses(self) -> tuple[type[BaseException], ...]:
        """What a future of a lost worker raises."""

    def slots(self) -> int:
        """How many slices can be computed at once now."""

    def submit(self, job: Job, state: State | None, seconds: float) -> "Future[Slice]":
        """Computes :func:`~.slice.advance` on a worker."""


@dataclass
class Attempt:
    """A job on its way: where its next slice starts, and how often that slice has lost its worker."""

    job: Job
    state: State | None
    step: int | None
    losses: int = 0


class Parallel:
    """Gives slices to the workers of a pool, as many at once as it has room for.

    A slice whose worker is lost is computed again elsewhere. A job that loses its worker too often at one place is cut
    into single runs, and a single run is given up.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def carry_out(self, portions: Sequence[Portion], listener: Listener) -> None:
        """Computes the portions, each as soon as there is a worker for it."""
        waiting = deque(portions)
        running: dict[Future[Slice], Attempt] = {}
        ready: deque[Attempt] = deque()
        while waiting or ready or running:
            while len(running) < self.pool.slots() and (ready or waiting):
                attempt = ready.popleft() if ready else self._first(waiting.popleft(), listener)
                if attempt:
                    running[self.pool.submit(attempt.job, attempt.state, SECONDS)] = attempt
            if not running:
                sleep(IDLE)
            for future in wait(running, timeout=IDLE, return_when=FIRST_COMPLETED).done:
                ready.extend(self._heard(future, running.pop(future), listener))

    def _first(self, portion: Portion, listener: Listener) -> Attempt | None:
        listener.started(portion.job, portion.step)
        try:
            return Attempt(portion.job, portion.state(), portion.step)
        except DAMAGE as error:  # beyond its header, which is all that the plan has read
            listener.failed(portion.job, reason(error))
            return None

    def _heard(self, future: "Future[Slice]", attempt: Attempt, listener: Listener) -> list[Attempt]:
        """What is to be computed next of the attempt's job."""
        if future.cancelled():
            raise ConnectionError(
                "the Dask scheduler is gone; start it and repeat the command, which goes on from here"
            )
        error = future.exception()
        if isinstance(error, self.pool.losses):
            return self._lost(attempt, error, listener)
        if error:
            listener.failed(attempt.job, reason(error))
            return []
        part = future.result()
        listener.ticked(attempt.job, Tick(part.step, part.reports, part.given))
        if part.state:
            return [Attempt(attempt.job, part.state, part.step)]
        listener.ended(attempt.job)
        return []

    def _lost(self, attempt: Attempt, error: BaseException, listener: Listener) -> list[Attempt]:
        attempt.losses += 1
        job = attempt.job
        if attempt.losses < self.pool.patience:
            listener.started(job, attempt.step)
            return [attempt]
        if len(job.keys) > 1:
            singles = [job.part({key}) for key in job.keys]
            for single in singles:
                listener.started(single, attempt.step)
            return [Attempt(single, attempt.state, attempt.step) for single in singles]
        where = "at the start" if attempt.step is None else f"after step {attempt.step}"
        listener.failed(job, f"its worker died every time {where}: {reason(error)}")
        return []
