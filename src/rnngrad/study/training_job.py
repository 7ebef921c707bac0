"""Seeds of one cell of a task card as a job."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from ..cards import Card, CellSpec
from ..cells import CELLS
from ..engine import choose
from ..ensemble import NUMERICS, Ensemble, Snapshot, training_bytes
from ..jobs import Job, Report, Row, State, Tick, key_of, packed
from ..models import Recurrent
from .provenance import device_name, versions
from .rows import outcome_row, probe_row, snapshot_row


@dataclass(frozen=True)
class TrainingJob(Job):
    """An ensemble of one cell, trained on the card's task.

    ``device`` and ``engine`` are names; with ``probe_every`` the flow is measured at every so many updates too.
    """

    card: Card
    spec: CellSpec
    device: str
    engine: str
    probe_every: int | None = None

    @property
    def seeds(self) -> list[int]:
        """One a run."""
        return [run["seed"] for run in self.runs]

    @property
    def budget(self) -> int:
        return self.card.training.max_steps

    def memory(self, runs: int) -> int:
        return training_bytes(self.card, self.spec, self._engine(), runs)

    def part(self, keys: set[str]) -> "TrainingJob":
        return replace(self, runs=tuple(run for run in self.runs if run["key"] in keys))

    def ticks(self, state: State | None = None) -> Iterator[Tick]:
        ensemble = self.ensemble()
        if state:
            ensemble.restore([_own(state, key) for key in self.keys], _facts(state, self.keys))
        where = {"device": device_name(ensemble.device), "versions": versions()}
        for snapshots in ensemble.run():
            reports = tuple(self._report(ensemble, snapshot, where) for snapshot in snapshots)
            yield Tick(ensemble.step, reports, (lambda: self._state(ensemble)) if ensemble.resumable else None)

    def ensemble(self) -> Ensemble:
        """Its seeds, untrained. Raises UsageError if it cannot be built or does not fit the memory."""
        device = torch.device(self.device)
        return Ensemble(self.card, self.spec, self.seeds, device, self._engine(), probe_every=self.probe_every)

    def _engine(self) -> Any:
        return choose(CELLS[self.spec.name], torch.float32, torch.device(self.device), self.engine)

    def _report(self, ensemble: Ensemble, snapshot: Snapshot, where: Row) -> Report:
        params = ensemble.model.params()
        weights = {name: weight[snapshot.replica].cpu().numpy() for name, weight in params.items()}
        return Report(
            key=self.keys[snapshot.replica],
            outcome={**outcome_row(snapshot), **where},
            snapshot=snapshot_row(snapshot),
            probes=tuple(map(probe_row, snapshot.probes)),
            weights=packed(weights),
        )

    def _state(self, ensemble: Ensemble) -> State:
        replicas, facts = ensemble.saved()
        arrays = {
            f"{key}/{name}": tensor.numpy()
            for key, replica in zip(self.keys, replicas, strict=True)
            for name, tensor in replica.items()
        }
        return State(arrays, {**facts, "outcomes": dict(zip(self.keys, facts["outcomes"], strict=True))})


def training_job(
    card: Card, spec: CellSpec, seeds: Sequence[int], device: str, engine: str, command: str, probe_every: int | None
) -> TrainingJob:
    """The job, with what is known of its runs. Raises UsageError for an engine that cannot run it.

    ``engine`` may be "auto"; the job has the one that was taken.
    """
    chosen = choose(CELLS[spec.name], torch.float32, torch.device(device), engine).name
    decides = {
        "numerics": NUMERICS,
        "task": card.task.name,
        "problem": asdict(card.problem),
        "training": _without(asdict(card.training), "lr_grid", "tuned") | {"lr": card.rate(spec)},
        "stop": asdict(card.stop),
        "cell": asdict(spec),
        "device": device,
        "engine": chosen,
        "probe_every": probe_every,
    }
    common = _columns(card, spec, device, chosen, command)
    runs = tuple({**common, "seed": seed, "key": key_of({**decides, "seed": seed})} for seed in seeds)
    return TrainingJob(runs, card, spec, device, chosen, probe_every)


def _columns(card: Card, spec: CellSpec, device: str, engine: str, command: str) -> dict[str, Any]:
    """What is known of every run before it starts, but for its seed and key."""
    problem = card.make_problem()
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": card.task.name,
        "problem": problem.name,
        "protocol": problem.protocol,
        "lag": problem.lag,
        "length": problem.lengths[-1],
        "minimal_lag": min(problem.minimal_lags),
        "cell": spec.name,
        "init": spec.init,
        "hidden": spec.hidden,
        "parameters": Recurrent.weights(CELLS[spec.name], problem.inputs, spec.hidden, problem.outputs),
        "lr": card.rate(spec),
        "device": device_name(torch.device(device)),
        "engine": engine,
        "versions": versions(),
        "command": command,
        "card": card.as_dict(),
        "baselines": problem.baselines,
        "status": "running",
        "steps": 0,
        "solved": 0,
        "scores": {},
        "seconds": 0.0,
    }


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _own(state: State, key: str) -> dict[str, torch.Tensor]:
    """What the state has of one run."""
    mine = {name: array for name, array in state.arrays.items() if name.startswith(f"{key}/")}
    return {name.removeprefix(f"{key}/"): torch.from_numpy(np.array(array)) for name, array in mine.items()}


def _facts(state: State, keys: Sequence[str]) -> dict[str, Any]:
    return {**state.facts, "outcomes": [state.facts["outcomes"][key] for key in keys]}
