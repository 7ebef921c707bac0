"""Stores without training: runs with numbers that are made up, for tests of reports to be fast and to know."""

from dataclasses import replace

import numpy as np

from rnngrad.cards import Card
from rnngrad.cells import CELLS
from rnngrad.flow.profile import log_spaced, whole_first
from rnngrad.store import Store

CELLS_SHOWN = ("rnn", "lstm:forget_bias_1")


def fabricate(path, card: Card, lags=(20, 100), cells=CELLS_SHOWN, seeds=3, steps=(0, 10, 20, 30), changes=None, **own):
    """Adds runs of a card to the store at ``path``. A cell's gradient falls by a fixed factor a step, which differs by
    cell, seed and snapshot.

    changes: of the row of a run, by (lag, cell, seed); ``own`` are changes of every row.
    """
    store = Store(path)
    with store.transaction():
        for lag in lags:
            for k, label in enumerate(cells):
                for seed in range(seeds):
                    row = run_row(card, lag, label, seed, steps[-1]) | own | (changes or {}).get((lag, label, seed), {})
                    _add(store, row, [step for step in steps if step <= row["steps"]], 0.3 / (1 + 4 * k))
    store.close()


def run_row(card: Card, lag: int, label: str, seed: int, steps: int) -> dict:
    """What the store holds of a run that did not solve its problem."""
    card = replace(card, problem=replace(card.problem, lag=lag))
    cell, _, init = label.partition(":")
    return {
        **{"created_at": "2026-01-01T00:00:00+00:00", "task": card.task.name, "problem": card.problem.name},
        **{"protocol": card.problem.protocol, "lag": lag, "length": lag, "minimal_lag": lag // 2, "hidden": 6},
        **{"cell": cell, "init": init or CELLS[cell].default_init, "parameters": 1000 * (1 + len(cell)), "lr": 0.01},
        **{"seed": seed, "device": "cpu", "engine": "cpu", "versions": {"rnngrad": "0.1.0", "torch": "2.13.0"}},
        **{"command": f"rnngrad task {card.task.name} --lag {lag}", "card": card.as_dict(), "scores": {}},
        **{"baselines": {"constant": 1 / 6, "one marker": 1 / 12}, "status": "finished", "steps": steps, "solved": 0},
        **{"held": None, "steps_to_solve": None, "diverged_at": None, "test_loss": 0.1 + seed, "horizon": 5},
        **{"grad_first_over_last_init": -20.0, "grad_first_over_last_end": -30.0, "seconds": 2.0},
    }


def _add(store: Store, row: dict, steps: list[int], rate: float) -> None:
    run = store.add_run(row)
    for k, step in enumerate(steps):
        profile = flow(row["cell"], row["length"], rate * (1 + row["seed"]) / (1 + k))
        common = {"train_loss": 0.1, "test_loss": 1 / (1 + step), "scores": {}, "grad_first_over_last": -20.0}
        measures = {"rho_h": 0.9, "sigma_max_h": 1.5, "saturated_h": 0.1, "omega_norms": 0.3, "exponent": -0.2}
        store.add_snapshot({"run": run, "step": step, **common, "horizon": 5, "flow": profile, "measures": measures})


def flow(cell: str, length: int, rate: float) -> dict:
    """A profile that falls by ``rate`` a step from e^-3, as the store has it."""
    lags = log_spaced(length)
    logs = np.round(-3 - rate * np.array(lags), 5).tolist()
    parts = whole_first(CELLS[cell].parts)
    return {"lags": lags, **{part: {"log_rms_per_sample": logs, "log_norm_of_mean": logs} for part in parts}}
