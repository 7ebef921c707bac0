"""Live progress on stderr: a table that moves on a terminal, plain lines elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Self

import numpy as np
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from .ensemble import Ensemble, Snapshot
from .summary import power_of_ten

PLAIN_EVERY = 5.0
"""Seconds between plain lines where stderr is no terminal."""


@dataclass
class State:
    """What is shown of one cell."""

    label: str
    replicas: int
    budget: int
    step: int = 0
    started: float = 0.0
    loss: float | None = None
    solved: int = 0
    diverged: int = 0
    gradient: float | None = None
    done: bool = False

    def columns(self) -> list[str]:
        """label, step, loss, solved, gradient reaching the first input, time left."""
        solved = f"{self.solved}/{self.replicas}" + (f", {self.diverged} diverged" if self.diverged else "")
        loss = "–" if self.loss is None else f"{self.loss:.4f}"
        step = f"{min(self.step, self.budget):,}/{self.budget:,}"
        if self.step > self.budget:
            step += f" + {self.step - self.budget}"
        return [self.label, step, loss, solved, power_of_ten(self.gradient), self._left()]

    def _left(self) -> str:
        if self.done:
            return "done"
        if not self.step:
            return "–"
        seconds = (monotonic() - self.started) * max(0, self.budget - self.step) / self.step
        return f"at most {seconds // 60:.0f}:{seconds % 60:02.0f}"


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
        return f"{self.what}: {share:.0%}, about {left // 60:.0f}:{left % 60:02.0f} left"


class Progress(Display):
    """Watches a study. Call it after every update."""

    HEADINGS = ("cell", "step", "test loss", "solved", "first/last gradient", "time left")

    def __init__(self, ensembles: list[Ensemble], quiet: bool) -> None:
        self.states = {id(e): State(e.spec.label, len(e.seeds), e.card.training.max_steps) for e in ensembles}
        self.last_plain = 0.0
        super().__init__(self._table, quiet)

    def __call__(self, ensemble: Ensemble, step: int, snapshots: list[Snapshot]) -> None:
        state = self.states[id(ensemble)]
        if step == 0:
            state.started = monotonic()
        state.step = step
        if not snapshots:
            return
        state.loss = float(np.median([s.scores["loss"] for s in snapshots]))
        state.gradient = float(np.median([s.flow.log_first_over_last for s in snapshots]))
        state.solved = sum(o.solved_at is not None for o in ensemble.outcomes)
        state.diverged = sum(o.diverged_at is not None for o in ensemble.outcomes)
        state.done = all(o.finished for o in ensemble.outcomes)
        if not self.moves and (state.done or step == 0 or monotonic() - self.last_plain > PLAIN_EVERY):
            self.last_plain = monotonic()
            pairs = zip(self.HEADINGS[1:], state.columns()[1:], strict=True)
            self.console.print(f"{state.label}: " + ", ".join(f"{k} {v}" for k, v in pairs), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(*self.HEADINGS)
        for state in self.states.values():
            table.add_row(*state.columns())
        return table
