"""How far a rerun is, on stderr: a line for each setting, with its sequences, running error and solved trials."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from rich.table import Table

from .jobs import Job, Row, Tick
from .progress import PLAIN_EVERY, Display, minutes
from .reruns import TEXT, sequences_per_step
from .study import Plan

HEADINGS = ("setting", "trials done", "solved", "sequences", "running error", "time left")
ENDED = ("finished", "diverged", "failed")


@dataclass
class Setting:
    """The trials of one setting, by key: outcome and running error, as far as they are known.

    ``cap`` and a trial's steps count so many sequences each as ``batch`` says.
    """

    label: str
    cap: int
    batch: int
    runs: dict[str, Row] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    began: float | None = None
    before: int = 0

    @property
    def ended(self) -> int:
        """Trials that need nothing more."""
        return sum(run["status"] in ENDED for run in self.runs.values())

    @property
    def steps(self) -> int:
        """Of all trials together."""
        return sum(run["steps"] for run in self.runs.values())

    def begin(self) -> None:
        """Its first trial begins, or goes on."""
        if self.began is None:
            self.began, self.before = monotonic(), self.steps

    def hear(self, tick: Tick) -> None:
        """Takes over what a tick has."""
        for report in tick.reports:
            self.runs[report.key] = {**self.runs[report.key], **report.outcome}
            if report.snapshot["train_loss"] is not None:
                self.errors[report.key] = report.snapshot["train_loss"]

    def columns(self) -> list[str]:
        """setting, trials done, solved, sequences of those under way, their error, time left."""
        going = {key: run for key, run in self.runs.items() if run["status"] == "running" and run["steps"]}
        steps = ", ".join(f"{run['steps'] * self.batch:,}" for run in going.values()) or "–"
        errors = [self.errors[key] for key in going if key in self.errors]
        error = f"{np.median(errors):.4f}" if errors else "–"
        solved = sum(run["solved"] for run in self.runs.values())
        steps = f"{steps} of {self.cap * self.batch:,}"
        return [self.label, f"{self.ended}/{len(self.runs)}", f"{solved}", steps, error, self.left]

    @property
    def left(self) -> str:
        """At most, if all trials that have not ended go on to their cap."""
        if self.ended == len(self.runs):
            return "done"
        if self.began is None or self.steps == self.before:
            return "–"
        missing = sum(max(0, self.cap - run["steps"]) for run in self.runs.values() if run["status"] not in ENDED)
        return f"at most {minutes((monotonic() - self.began) / (self.steps - self.before) * missing)}"


class RerunProgress(Display):
    """Listens to a study of trials; see :class:`~rnngrad.study.listening.Listener`."""

    def __init__(self, plan: Plan, stored: Iterable[Row], quiet: bool) -> None:
        """``stored``: outcomes of those of the plan's trials that are in the store."""
        known = {run["key"]: run for run in stored}
        self.settings: dict[str, Setting] = {}
        self.of_run: dict[str, Setting] = {}
        for job in plan.asked:
            for run in job.runs:
                reading = f", {run['card']['reading']}" * (run["card"]["reading"] != TEXT)
                label = f"{run['task']} {run['protocol']}{reading}"
                setting = self.settings.setdefault(label, Setting(label, job.budget, sequences_per_step(run["card"])))
                setting.runs[run["key"]] = {**run, **known.get(run["key"], {})}
                self.of_run[run["key"]] = setting
        self.last_plain = 0.0
        super().__init__(self._table, quiet)

    def started(self, job: Job, step: int | None) -> None:
        self.of_run[job.keys[0]].begin()

    def ticked(self, job: Job, tick: Tick) -> None:
        setting = self.of_run[job.keys[0]]
        setting.hear(tick)
        done = setting.ended == len(setting.runs)
        if not self.moves and (done or monotonic() - self.last_plain > PLAIN_EVERY):
            self.last_plain = monotonic()
            pairs = zip(HEADINGS[1:], setting.columns()[1:], strict=True)
            said = ", ".join(f"{heading} {value}" for heading, value in pairs)
            self.console.print(f"{setting.label}: {said}", soft_wrap=True, markup=False)

    def ended(self, job: Job) -> None: ...

    def failed(self, job: Job, reason: str) -> None:
        setting = self.of_run[job.keys[0]]
        for key in job.keys:
            setting.runs[key] = {**setting.runs[key], "status": "failed"}
        self.console.print(f"{setting.label}: failed, {reason}", soft_wrap=True, markup=False)

    def _table(self) -> Table:
        table = Table(*HEADINGS)
        for setting in self.settings.values():
            if setting.began is not None or setting.ended:
                table.add_row(*setting.columns())
        return table
