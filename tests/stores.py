"""Stores that several tests fill by hand, and the command run on them."""

from contextlib import closing

from rnngrad.store import Store

CARD = {
    "task": {"name": "adding", "title": "Adding problem", "paper": "", "claim": ""},
    "problem": {"name": "adding", "protocol": "arjovsky", "lag": 50},
    "training": {"lr": 0.01, "batch": 32, "tuned": {"lstm:chrono": 0.01}},
    "stop": {"rule": "loss_below", "value": 0.01, "on": 1000, "hold": 200},
    "cells": [{"name": "lstm", "init": "chrono", "hidden": 8}, {"name": "rnn", "init": "default", "hidden": 8}],
    "published": [],
}
FLOW = {"lags": [0, 1], "hc": {"log_rms_per_sample": [0.0, "-inf"], "log_norm_of_mean": [0.0, None]}}


def a_run(**changes):
    """The row of a run that was finished unsolved after 20 steps, with ``changes``."""
    row = {
        **{"created_at": "2026-11-22T05:00:00+00:00", "command": "rnngrad task adding", "card": CARD, "seconds": 1.5},
        **{"task": "adding", "problem": "adding", "protocol": "arjovsky", "lag": 50, "length": 50, "minimal_lag": 1},
        **{"cell": "lstm", "init": "chrono", "hidden": 8, "parameters": 361, "lr": 0.01, "seed": 0},
        **{"device": "cpu", "engine": "cpu", "versions": {"torch": "2.13.0"}, "baselines": {"constant": 1 / 6}},
        **{"status": "finished", "steps": 20, "solved": 0, "held": None, "steps_to_solve": None, "diverged_at": None},
        **{"test_loss": 0.17, "scores": {}, "grad_first_over_last_init": -30.0},
        **{"grad_first_over_last_end": float("-inf"), "horizon": 7, "weights": None, "key": None, "reason": None},
    }
    return row | changes


def fill(path, *rows):
    """A store with these runs, evaluated at every tenth step and probed at the first; returns its path."""
    with closing(Store(path)) as store, store.transaction():
        for row in rows:
            run = store.add_run(row)
            for step in range(0, row["steps"] + 1, 10):
                numbers = {"train_loss": 0.2, "test_loss": row["test_loss"], "scores": {}, "measures": {"rho_h": 0.5}}
                store.add_snapshot({"run": run, "step": step, "flow": FLOW, "grad_first_over_last": -1.0, **numbers})
            store.add_probe({"run": run, "step": 0, "batch": "training", "horizon": 3, "flow": FLOW})
    return path


def several():
    """Runs that differ in all that one can filter by."""
    return [
        a_run(seed=0, lag=50, cell="rnn", init="default"),
        a_run(seed=1, lag=50, cell="rnn", init="irnn", status="diverged", diverged_at=20, test_loss=None),
        a_run(seed=0, lag=50, solved=1, steps_to_solve=10, held=1, test_loss=0.004),
        a_run(seed=1, lag=100, solved=1, steps_to_solve=20, test_loss=0.0051),
        a_run(seed=2, lag=200, status="interrupted"),
        a_run(seed=2, lag=200, task="copy", problem="copy", cell="gru", init="default", status="running", key="a" * 64),
        a_run(seed=3, lag=200, task="copy", cell="gru", init="default", status="failed", reason="killed its worker"),
    ]


INTERRUPTED = "2 interrupted: the same command, which `rnngrad runs show ID` has, goes on\n"
"""What their list says on stderr: nobody computes the running one."""
