"""Live progress on stderr: a table that moves on a terminal, plain lines elsewhere."""

from collections.abc import Callable
from time import monotonic
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from .jobs import Job, Tick
from .study import Plan

PLAIN_EVERY = 5.0
"""Seconds between plain lines where stderr is no terminal."""


def minutes(seconds: float) -> str:
    """A time as M:SS."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02d}"


class Display:
    """What moves on a terminal and is plain lines elsewhere. A context manager."""

    def __init__(self, shown: Callable[[], RenderableType], quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.moves = self.console.is_terminal and not self.console.is_dumb_terminal
        self.live = Live(console=self.console, refresh_per_second=4, get_renderable=shown, transient=True)

    def __enter__(self) -> Self:
        if self.moves:
            self.live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.moves:
            self.live.stop()


class Percent(Display):
    """How far an experiment is; see :class:`~rnngrad.study.listening.Listener`."""

    def __init__(self, what: str, plan: Plan, quiet: bool) -> None:
        self.what, self.total = what, sum(job.budget for job in plan.asked)
        self.left = {portion.job.name: portion.job.budget for portion in plan.portions}
        self.missing = sum(self.left.values())
        self.began = self.last_plain = monotonic()
        super().__init__(self._line, quiet)

    def started(self, job: Job, step: int | None) -> None:
        """From the beginning, also where its worker was lost."""
        self.left[job.name] = job.budget

    def ticked(self, job: Job, tick: Tick) -> None:
        """A step more, or all of them where it was computed elsewhere."""
        if self.left[job.name] != job.budget - tick.step:
            self._set(job, job.budget - tick.step)

    def ended(self, job: Job) -> None:
        """Its last tick has said so."""

    def failed(self, job: Job, reason: str) -> None:
        """There is nothing more to wait for."""
        self._set(job, 0)

    def _set(self, job: Job, left: int) -> None:
        self.left[job.name] = left
        if not self.moves and monotonic() - self.last_plain > PLAIN_EVERY:
            self.last_plain = monotonic()
            self.console.print(self._line(), soft_wrap=True)

    def _line(self) -> str:
        left = sum(self.left.values())
        done = self.missing - left
        time = f", about {minutes((monotonic() - self.began) * left / done)} left" if done else ""
        return f"{self.what}: {1 - left / self.total:.0%}{time}"
