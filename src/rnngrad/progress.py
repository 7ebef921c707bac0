"""Live progress on stderr: a table that moves on a terminal, plain lines elsewhere."""

from collections.abc import Callable
from time import monotonic
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

PLAIN_EVERY = 5.0
"""Seconds between plain lines where stderr is no terminal."""


def minutes(seconds: float) -> str:
    """A time as M:SS."""
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


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
    """How far an experiment is."""

    def __init__(self, what: str, total: int, quiet: bool) -> None:
        self.what, self.total, self.done = what, total, 0
        self.started = self.last_plain = monotonic()
        super().__init__(self._line, quiet)

    def advance(self) -> None:
        """One batch more is done."""
        self.done += 1
        if not self.moves and monotonic() - self.last_plain > PLAIN_EVERY:
            self.last_plain = monotonic()
            self.console.print(self._line(), soft_wrap=True)

    def _line(self) -> str:
        share = min(1.0, self.done / self.total)
        left = (monotonic() - self.started) * (1 - share) / share if share else 0.0
        return f"{self.what}: {share:.0%}, about {minutes(left)} left"
