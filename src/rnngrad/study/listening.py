"""Who hears how jobs go."""

from collections.abc import Sequence
from typing import Protocol

from ..jobs import Job, Tick


class Listener(Protocol):
    """What an executor tells, always in the process that gave the order."""

    def started(self, job: Job, step: int | None) -> None:
        """The job is computed from this step on, None for the beginning; again from there if its worker was lost."""

    def ticked(self, job: Job, tick: Tick) -> None:
        """The job is further; with workers a tick is the sum of several."""

    def ended(self, job: Job) -> None:
        """All runs of the job have come to their end."""

    def failed(self, job: Job, reason: str) -> None:
        """The job will not be computed further."""


class Recording(Listener, Protocol):
    """A listener that writes what it hears."""

    def interrupt(self) -> None:
        """What was begun and has not ended will not go on now."""


class Everybody:
    """Tells several listeners, in their order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.listeners = listeners

    def started(self, job: Job, step: int | None) -> None:
        for listener in self.listeners:
            listener.started(job, step)

    def ticked(self, job: Job, tick: Tick) -> None:
        for listener in self.listeners:
            listener.ticked(job, tick)

    def ended(self, job: Job) -> None:
        for listener in self.listeners:
            listener.ended(job)

    def failed(self, job: Job, reason: str) -> None:
        for listener in self.listeners:
            listener.failed(job, reason)
