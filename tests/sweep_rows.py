"""Stored runs as a sweep leaves them, made up."""

from typing import Any

BUDGET = 3000
TRAINING = {"max_steps": BUDGET, "tuned": {}}


def run(
    lag=100, cell="gru", seed=0, solved_at: int | None = None, status="finished", steps=BUDGET, **other
) -> dict[str, Any]:
    """One row of ``Store.runs``."""
    return {
        **{"task": "adding", "problem": "adding", "protocol": "arjovsky", "lag": lag, "length": lag},
        **{"cell": cell, "init": "default", "hidden": 32, "parameters": 1000, "lr": 0.01, "seed": seed},
        **{"status": status, "steps": solved_at or steps, "solved": int(solved_at is not None), "held": None},
        **{"steps_to_solve": solved_at, "diverged_at": None, "test_loss": 0.1, "scores": {}, "seconds": 1.0},
        **{"grad_first_over_last_init": -9.0, "grad_first_over_last_end": -1.0, "horizon": None},
        "baselines": {"constant": 1 / 6},
        "id": hash((lag, cell, seed, other.get("lr"), other.get("init"))),
        "card": {"task": {"title": "Adding"}, "training": TRAINING, "stop": {}, "published": []},
        **other,
    }


def runs(lag, cell, solved_at, **other) -> list[dict[str, Any]]:
    """A seed for each of some steps to solve; None for one that did not."""
    return [run(lag, cell, seed, steps, **other) for seed, steps in enumerate(solved_at)]
