"""A task card to runs to the store."""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .cards import Card
from .cells import CELLS
from .engine import choose, cpu
from .ensemble import Ensemble, Flow, Snapshot
from .store import Store

VERSIONED = ("rnngrad", "torch", "numpy", "numba")

Watch = Callable[[Ensemble, int, list[Snapshot]], None]
"""Called after every update with the ensemble, its step and the evaluations that fell due."""


@dataclass(frozen=True)
class Study:
    """What one command asked for: a resolved card, the seeds, and where it runs, on which engine.

    With ``probe_every`` the flow is measured at every so many updates too, beside the evaluations.
    """

    card: Card
    seeds: Sequence[int]
    device: torch.device
    command: str
    engine: str = "auto"
    probe_every: int | None = None

    def ensembles(self) -> list[Ensemble]:
        """One per cell of the card. Raises UsageError for what cannot be built, before anything is written."""
        engines = [choose(CELLS[spec.name], torch.float32, self.device, self.engine) for spec in self.card.cells]
        return [
            Ensemble(self.card, spec, self.seeds, self.device, engine, probe_every=self.probe_every)
            for spec, engine in zip(self.card.cells, engines, strict=True)
        ]


def run(recorders: Sequence["Recorder"], watch: Watch) -> None:
    """Trains every ensemble to its end, writing each evaluation as it comes.

    Whatever ends the training early, Ctrl-C included, leaves the store with everything up to the last evaluation and
    the runs marked as interrupted.
    """
    for recorder in recorders:
        try:
            for step, snapshots in enumerate(recorder.ensemble.run()):
                recorder.record(snapshots)
                watch(recorder.ensemble, step, snapshots)
        except BaseException:
            recorder.interrupt()
            raise


class Recorder:
    """Writes one ensemble's evaluations to the store, and its weights to ``weights``/run-ID.safetensors.

    ``ids`` are the runs' ids in the store, none before the first evaluation.
    """

    def __init__(self, study: Study, ensemble: Ensemble, store: Store, weights: Path) -> None:
        self.study = study
        self.ensemble = ensemble
        self.store = store
        self.weights = weights
        self.ids: list[int] = []

    def record(self, snapshots: list[Snapshot]) -> None:
        """One transaction for all evaluations of a step."""
        if not snapshots:
            return
        with self.store.transaction():
            if not self.ids:
                self.ids = [self.store.add_run(self._new_run(k)) for k in range(len(self.ensemble.seeds))]
                for run in self.ids:
                    self.store.update_run(run, {"weights": f"{self.weights.name}/{_weights_file(run)}"})
            for snapshot in snapshots:
                run = self.ids[snapshot.replica]
                self.store.add_snapshot({"run": run, **_snapshot_row(snapshot)})
                for probe in snapshot.probes:
                    self.store.add_probe(
                        {"run": run, "step": probe.step, "batch": probe.batch, **_flow_row(probe.flow)}
                    )
                self.store.update_run(run, _outcome_row(snapshot))
        self._save_weights(snapshots)

    def interrupt(self) -> None:
        """Marks what has not ended."""
        with self.store.transaction():
            for run, outcome in zip(self.ids, self.ensemble.outcomes, strict=False):
                if not outcome.finished:
                    self.store.update_run(run, {"status": "interrupted"})

    def _new_run(self, replica: int) -> dict[str, Any]:
        ensemble, card = self.ensemble, self.study.card
        problem, spec = ensemble.problem, ensemble.spec
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
            "parameters": ensemble.model.parameters,
            "lr": ensemble.rate,
            "seed": ensemble.seeds[replica],
            "device": device_name(ensemble.device),
            "engine": ensemble.engine.name,
            "versions": versions(),
            "command": self.study.command,
            "card": card.as_dict(),
            "baselines": problem.baselines,
            "status": "running",
            "steps": 0,
            "solved": 0,
            "scores": {},
            "seconds": 0.0,
        }

    def _save_weights(self, snapshots: list[Snapshot]) -> None:
        params = self.ensemble.model.params()
        for snapshot in snapshots:
            run = self.ids[snapshot.replica]
            path = self.weights / _weights_file(run)
            partial = path.with_suffix(".partial")
            own = {name: weight[snapshot.replica].cpu().contiguous() for name, weight in params.items()}
            save_file(own, partial)
            os.replace(partial, path)


def versions() -> dict[str, str]:
    """What the bits of a run depend on beside its card: software, and how many threads share a batch."""
    packages = {name: version(name) for name in VERSIONED}
    return {"python": platform.python_version(), **packages, "threads": str(cpu.threads())}


def device_name(device: torch.device) -> str:
    """What the store calls a device: cpu, or cuda with the card's name."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def _weights_file(run: int) -> str:
    """The name of a run's weights, in a folder beside the store."""
    return f"run-{run}.safetensors"


def _snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "step": snapshot.outcome.steps,
        "train_loss": _finite(snapshot.train_loss),
        "test_loss": _finite(snapshot.scores["loss"]),
        "scores": _finite_scores(snapshot.scores),
        **_flow_row(snapshot.flow),
        "measures": snapshot.measures,
    }


def _flow_row(flow: Flow) -> dict[str, Any]:
    return {"grad_first_over_last": _log(flow.log_first_over_last), "horizon": flow.horizon, "flow": flow.profile}


def _outcome_row(snapshot: Snapshot) -> dict[str, Any]:
    outcome, gradient = snapshot.outcome, _log(snapshot.flow.log_first_over_last)
    status = "diverged" if outcome.diverged_at is not None else "finished" if outcome.finished else "running"
    row = {
        "status": status,
        "steps": outcome.steps,
        "solved": int(outcome.solved_at is not None),
        "held": None if outcome.held is None else int(outcome.held),
        "steps_to_solve": outcome.solved_at,
        "diverged_at": outcome.diverged_at,
        "test_loss": _finite(snapshot.scores["loss"]),
        "scores": _finite_scores(snapshot.scores),
        "grad_first_over_last_end": gradient,
        "horizon": snapshot.flow.horizon,
        "seconds": round(snapshot.seconds, 3),
    }
    return row | {"grad_first_over_last_init": gradient} if outcome.steps == 0 else row


def _finite_scores(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in scores.items() if name != "loss"}


def _finite(value: float) -> float | None:
    """SQLite has no NaN, and an infinite loss is as good as none: both are stored as nothing."""
    return value if isfinite(value) else None


def _log(value: float) -> float | None:
    """A logarithm: minus infinity is a gradient of exactly 0 and is kept, NaN is none at all."""
    return None if isnan(value) else value
