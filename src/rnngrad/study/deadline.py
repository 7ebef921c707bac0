"""An end of the time at hand."""

from time import monotonic

from ..jobs import Job, Tick


class OutOfTime(Exception):
    """The time is over; what was computed is recorded, and the same plan goes on from it."""


class Deadline:
    """Listens to a study and ends it, by raising :class:`OutOfTime`, at the first tick after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.until = monotonic() + seconds

    def started(self, job: Job, step: int | None) -> None: ...

    def ticked(self, job: Job, tick: Tick) -> None:
        if monotonic() >= self.until:
            raise OutOfTime

    def ended(self, job: Job) -> None: ...

    def failed(self, job: Job, reason: str) -> None: ...
