"""Evaluations of an ensemble as rows of the store."""

from math import isfinite, isnan
from typing import Any

from ..ensemble import Flow, Probe, Snapshot

Columns = dict[str, Any]


def snapshot_row(snapshot: Snapshot) -> Columns:
    """One evaluation, for the table of snapshots."""
    return {
        "step": snapshot.outcome.steps,
        "train_loss": _finite(snapshot.train_loss),
        "test_loss": _finite(snapshot.scores["loss"]),
        "scores": _finite_scores(snapshot.scores),
        **_flow_row(snapshot.flow),
        "measures": snapshot.measures,
    }


def probe_row(probe: Probe) -> Columns:
    """The flow at one update, for the table of probes."""
    return {"step": probe.step, "batch": probe.batch, **_flow_row(probe.flow)}


def outcome_row(snapshot: Snapshot) -> Columns:
    """Where the run stands, for the table of runs."""
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


def _flow_row(flow: Flow) -> Columns:
    return {"grad_first_over_last": _log(flow.log_first_over_last), "horizon": flow.horizon, "flow": flow.profile}


def _finite_scores(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in scores.items() if name != "loss"}


def _finite(value: float) -> float | None:
    """SQLite has no NaN, and an infinite loss is as good as none: both are stored as nothing."""
    return value if isfinite(value) else None


def _log(value: float) -> float | None:
    """A logarithm: minus infinity is a gradient of exactly 0 and is kept, NaN is none at all."""
    return None if isnan(value) else value
