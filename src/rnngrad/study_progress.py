"""How far a study is, on stderr: one cell at one lag in detail, or cells by lags."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from rich.table import Table

from .jobs import Job, Row, Tick
from .progress import PLAIN_EVERY, Display, minutes
from .study import Plan
from .summary import power_of_ten


@dataclass
class Group:
    """What is shown of one cell at one lag and rate. ``runs``: the outcome of each, as far as it is known."""

    label: str
    lag: int
    length: int
    budget: int
    runs: dict[str, Row] = field(default_factory=dict)
    step: int = 0
    began: tuple[float, int] | None = None
    loss: float | None = None
    gradient: float | None = None

    def hear(self, tick: Tick) -> None:
        """Takes over what a tick has."""
        self.step = tick.step
        if self.began is None:
            self.began = monotonic(), tick.step
        if not tick.reports:
            return
        self.runs |= {report.key: report.outcome for report in tick.reports}
        last = {report.key: report.snapshot for report in tick.reports}.values()
        self.loss = _median(snapshot["test_loss"] for snapshot in last)
        self.gradient = _median(snapshot["grad_first_over_last"] for snapshot in last)

    @property
    def ended(self) -> int:
        """Runs that need nothing more, failed ones among them."""
        return sum(run["status"] not in ("running", "interrupted") for run in self.runs.values())

    @property
    def solved(self) -> int:
        """Runs that have met their rule."""
        return sum(run["solved"] for run in self.runs.values())

    @property
    def work(self) -> tuple[float, float]:
        """Done and all of it, in steps of sequences: an ended run is done whole."""
        open_runs = len(self.runs) - self.ended
        done = self.ended * self.budget + open_runs * min(self.step, self.budget)
        return float(done * self.length), float(len(self.runs) * self.budget * self.length)

    def counts(self) -> str:
        """Solved of all, and what else became of them."""
        states = [run["status"] for run in self.runs.values()]
        others = [f"{states.count(state)} {state}" for state in ("diverged", "failed") if state in states]
        return ", ".join([f"{self.solved}/{len(self.runs)}", *others])

    def columns(self) -> list[str]:
        """label, step, loss, solved, gradient reaching the first input, time left."""
        loss = "–" if self.loss is None else f"{self.loss:.4f}"
        step = f"{min(self.step, self.budget):,}/{self.budget:,}"
        if self.step > self.budget:
            step += f" + {self.step - self.budget}"
        return [self.label, step, loss, self.counts(), power_of_ten(self.gradient), self._left()]

    def _left(self) -> str:
        if self.ended == len(self.runs):
            return "done"
        if self.began is None or self.step == self.began[1]:
            return "–"
        rate = (monotonic() - self.began[0]) / (self.step - self.began[1])
        return f"at most {minutes(rate * max(0, self.budget - self.step))}"


class StudyProgress(Display):
    """Listens to a study; see :class:`~rnngrad.study.listening.Listener`."""

    HEADINGS = ("cell", "step", "test loss", "solved", "first/last gradient", "time left")

    def __init__(self, plan: Plan, stored: Iterable[Row], quiet: bool) -> None:
        """``stored``: the rows of those of the plan's runs that are in the store."""
        known = {run["key"]: run for run in stored}
        names = {_name(job) for job in plan.asked}
        rates = len(names) > len({name[:-1] for name in names})
        self.groups = {_name(job): _group(job, known, rates) for job in plan.asked}
        self.of_run = {key: self.groups[_name(job)] for job in plan.asked for key in job.keys}
        self.began, self.before = monotonic(), sum(group.work[0] for group in self.groups.values())
        self.last_plain = 0.0
        super().__init__(self._table, quiet)

    def started(self, job: Job, step: int | None) -> None: ...

    def ticked(self, job: Job, tick: Tick) -> None:
        group = self._of(job)
        group.hear(tick)
        finished = group.ended == len(group.runs)
        if tick.reports and not self.moves and (finished or tick.step == 0 or self._silent()):
            self.last_plain = monotonic()
            self.console.print(self._line(group), soft_wrap=True)

    def ended(self, job: Job) -> None: ...

    def failed(self, job: Job, reason: str) -> None:
        group = self._of(job)
        for key in job.keys:
            if group.runs[key]["status"] not in ("finished", "diverged"):
                group.runs[key] = {**group.runs[key], "status": "failed"}
        self.console.print(f"{group.label}, lag {group.lag}: failed, {reason}", soft_wrap=True, markup=False)

    def _of(self, job: Job) -> Group:
        return self.of_run[job.keys[0]]

    def _silent(self) -> bool:
        return monotonic() - self.last_plain > PLAIN_EVERY

    @property
    def lags(self) -> list[int]:
        """All lags, in their order."""
        return list(dict.fromkeys(group.lag for group in self.groups.values()))

    def _line(self, group: Group) -> str:
        if len(self.lags) > 1:
            return f"{group.label}, lag {group.lag}: solved {group.counts()}, {self._overall()}"
        pairs = zip(self.HEADINGS[1:], group.columns()[1:], strict=True)
        return f"{group.label}: " + ", ".join(f"{heading} {value}" for heading, value in pairs)

    def _overall(self) -> str:
        groups = self.groups.values()
        runs, ended = sum(len(group.runs) for group in groups), sum(group.ended for group in groups)
        done, work = (sum(column) for column in zip(*(group.work for group in groups), strict=True))
        spent, here = monotonic() - self.began, done - self.before
        left = f", about {minutes(spent * (work - done) / here)} left" if here else ""
        return f"{ended} of {runs} runs done, {sum(group.solved for group in groups)} solved{left}"

    def _table(self) -> Table:
        if len(self.lags) == 1:
            table = Table(*self.HEADINGS)
            for group in self.groups.values():
                table.add_row(*group.columns())
            return table
        table = Table("cell", *(f"lag {lag:,}" for lag in self.lags), caption=self._overall(), caption_justify="left")
        for label in dict.fromkeys(group.label for group in self.groups.values()):
            entries = {group.lag: group for group in self.groups.values() if group.label == label}
            table.add_row(label, *(_entry(entries.get(lag)) for lag in self.lags))
        return table


def _name(job: Job) -> tuple[object, ...]:
    return tuple(job.runs[0][column] for column in ("cell", "init", "hidden", "lag", "lr"))


def _group(job: Job, known: dict[str, Row], rates: bool) -> Group:
    first = job.runs[0]
    label = f"{first['cell']}:{first['init']}" + (f", lr {first['lr']:g}" if rates else "")
    runs = {key: known.get(key, run) for key, run in zip(job.keys, job.runs, strict=True)}
    return Group(label, first["lag"], first["length"], job.budget, runs)


def _entry(group: Group | None) -> str:
    """Of the table of cells by lags."""
    if group is None:
        return "–"
    step = f", step {group.step:,}" if group.step and group.ended < len(group.runs) else ""
    return f"{group.ended}/{len(group.runs)} done{step}, {group.solved} solved"


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.median(present)) if present else None
