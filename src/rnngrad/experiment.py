"""An experiment: portions that any executor measures, and their way into the store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import torch

from .jobs import Job, Tick
from .measurement import Measurement
from .measuring import MeasuringJob
from .store import Store
from .study.plan import Plan, make_plan
from .study.provenance import device_name, versions


@dataclass(frozen=True)
class Experiment:
    """``jobs``: its portions, in the order in which their numbers are read.

    ``settings``: what was chosen, as text and numbers; two experiments of one name, device and equal settings are the
    same if their portions are.
    """

    name: str
    settings: Mapping[str, Any]
    device: torch.device
    command: str
    jobs: Sequence[MeasuringJob]

    @property
    def places(self) -> dict[str, int]:
        """Of the portions, by key."""
        return {job.keys[0]: place for place, job in enumerate(self.jobs)}

    def row(self) -> dict[str, Any]:
        """What the store says of it before anything is measured."""
        return {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": self.name,
            "settings": json.loads(json.dumps(self.settings)),
            "device": device_name(self.device),
            "versions": versions(),
            "command": self.command,
            "status": "running",
            "seconds": 0.0,
        }


class ExperimentRecorder:
    """Writes every portion in one transaction as soon as it is measured; see :class:`~.study.listening.Listener`.

    The experiment's row ``id`` is made with its first portion, unless the store has one that this one continues.
    ``failures`` has the reasons of portions that failed.
    """

    def __init__(self, store: Store, experiment: Experiment) -> None:
        self.store, self.experiment = store, experiment
        self.places, self.row = experiment.places, experiment.row()
        self.failures: list[str] = []
        self.id = self._earlier()
        spent = next((row["seconds"] for row in store.experiments() if row["id"] == self.id), 0.0)
        self._began = monotonic() - spent

    def plan(self, workers: int = 1) -> Plan:
        """What is missing. What another experiment has measured is taken over, and not missing."""
        ended = set()
        for key, (experiment, place) in self.store.measured(list(self.places)).items():
            ended.add(key)
            if experiment != self.id:
                self._write(key, self.store.measurements(experiment, place))
        return make_plan(self.experiment.jobs, ended, (), None, workers)

    def started(self, job: Job, step: int | None) -> None:
        """Nothing is known yet."""

    def ticked(self, job: Job, tick: Tick) -> None:
        """The last tick of a portion has all its numbers."""
        for report in tick.reports:
            self._write(report.key, report.numbers)

    def ended(self, job: Job) -> None:
        """It is in the store already."""

    def failed(self, job: Job, reason: str) -> None:
        """Keeps the reason; repeated, the command tries again."""
        self.failures.append(reason)
        self._write(job.keys[0], (), reason)

    def interrupt(self) -> None:
        """Marks what was begun and has not ended."""
        self._close("interrupted")

    def finish(self) -> None:
        """Marks the experiment as finished, if nothing failed."""
        self._close("interrupted" if self.failures else "finished")

    def _earlier(self) -> int | None:
        """The newest experiment that this one continues: the same, with no portions but those of this one."""
        same = ("name", "settings", "device")
        for row in reversed(self.store.experiments()):
            known = self.store.portions(row["id"])
            ours = all(self.places.get(key) == place for place, key in known.items())
            if known and ours and all(row[column] == self.row[column] for column in same):
                return int(row["id"])
        return None

    def _write(self, key: str, numbers: Sequence[Measurement], reason: str | None = None) -> None:
        with self.store.transaction():
            if self.id is None:
                self.id = self.store.add_experiment(self.row)
            self.store.add_portion(self.id, self.places[key], key, numbers, reason)
            self.store.update_experiment(self.id, {"status": "running", "seconds": monotonic() - self._began})

    def _close(self, status: str) -> None:
        if self.id is not None:
            self.store.update_experiment(self.id, {"status": status})
