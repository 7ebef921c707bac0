"""What do 10,000 runs in a store cost? Seconds and peak memory of every subcommand of `rnngrad runs`, start-up and all.

    python benchmarks/bench_store.py

100 seeds of 10 cells at 10 lags, 20 evaluations each, with rows as long as those of the ledger, in a temporary folder.
Every command is a process of its own; the median over 5, the first of which had to read the file from the disk.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from rnngrad.store import Row, Store

LAGS = (10, 20, 50, 100, 200, 400, 700, 1000, 2000, 5000)
CELLS = ("rnn:default", "rnn:irnn", "lstm:default", "lstm:forget_bias_1", "lstm:chrono")
HIDDEN, SEEDS, EVALUATIONS, ROUNDS = (32, 64), 100, 20, 5
CARD = {
    "task": {"name": "adding", "title": "Adding problem", "paper": "x" * 120, "claim": "x" * 120},
    "problem": {"name": "adding", "protocol": "arjovsky", "lag": 200},
    "training": {"lr": 0.003, "batch": 32, "tuned": dict.fromkeys(CELLS, 0.01), "omega": 0.0, "omega_form": "norms"},
    "stop": {"rule": "loss_below", "value": 0.01, "on": 1000, "hold": 200},
    "cells": [{"name": "lstm", "init": "forget_bias_1", "hidden": 32}] * 4,
    "published": [{"cell": "lstm", "lag": 200, "metric": "least test loss", "value": 0.00168, "source": "x" * 40}],
}
PROFILE = {"log_rms_per_sample": [-123.456789] * 64, "log_norm_of_mean": [-123.456789] * 64}
FLOW = {"lags": list(range(64)), "hc": PROFILE, "h": PROFILE, "c": PROFILE}
MEASURES = {f"measure_{k}": 0.123456789 for k in range(15)}


def runs() -> Iterator[Row]:
    """10,000 rows, every third solved."""
    for lag in LAGS:
        for cell in CELLS:
            for hidden in HIDDEN:
                for seed in range(SEEDS):
                    yield _run(lag, *cell.split(":"), hidden=hidden, seed=seed)


def _run(lag: int, cell: str, init: str, hidden: int, seed: int) -> Row:
    solved = seed % 3 == 0
    return {
        "created_at": "2026-11-22T05:04:50+00:00",
        **{"task": "adding", "problem": "adding", "protocol": "arjovsky", "lag": lag, "length": lag, "minimal_lag": 0},
        **{"cell": cell, "init": init, "hidden": hidden, "parameters": 4641, "lr": 0.01, "seed": seed},
        **{"device": "cpu", "engine": "cpu", "versions": dict.fromkeys(("python", "torch", "numpy", "numba"), "1.2.3")},
        **{"command": f"rnngrad sweep adding --lags {','.join(map(str, LAGS))} --seeds 100 --out runs", "card": CARD},
        **{"baselines": {"constant": 0.16666666666666666}, "status": "finished", "steps": 950, "solved": int(solved)},
        **{"held": 1 if solved else None, "steps_to_solve": 750 if solved else None, "test_loss": 0.0123456789012},
        **{"scores": {}, "grad_first_over_last_init": -65.4321, "grad_first_over_last_end": -1.23456789, "horizon": 12},
        **{"seconds": 61.234, "weights": None, "key": f"{lag}-{cell}-{init}-{hidden}-{seed}".rjust(64, "0")},
    }


def fill(path: Path) -> None:
    """Writes the store: the flow at the first and the last evaluation, measures at all of them."""
    store = Store(path)
    with store.transaction():
        for row in runs():
            run = store.add_run(row)
            for k in range(EVALUATIONS):
                flow = FLOW if k in (0, EVALUATIONS - 1) else {}
                numbers = {"step": 50 * k, "train_loss": 0.1234567890123, "test_loss": 0.1234567890123}
                gradient = {"grad_first_over_last": -12.3456789, "horizon": 12}
                store.add_snapshot(
                    {"run": run, **numbers, **gradient, "scores": {}, "flow": flow, "measures": MEASURES}
                )
    store.close()


def cost(words: list[str], path: Path) -> tuple[list[float], float, float]:
    """Seconds of each round, the processor's of a mean round, and the most MiB of any process so far."""
    seconds, before = [], getrusage(RUSAGE_CHILDREN)
    for _ in range(ROUNDS):
        began = perf_counter()
        command = [sys.executable, "-m", "rnngrad", "runs", *words, "--store", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(perf_counter() - began)
    after = getrusage(RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used / ROUNDS, after.ru_maxrss / 1024


def main() -> None:
    """Prints the table, least memory first: a peak can only be seen to rise."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rnngrad.db"
        fill(path)
        commands = {
            "show": ["show", "5000"],
            "filter": ["--cell", "lstm:chrono", "--lag", "200", "--status", "finished"],
            "list": [],
            "list --json": ["--json"],
            "export csv": ["export", f"{folder}/runs.csv"],
            "export jsonl": ["export", f"{folder}/runs.jsonl"],
            "export parquet": ["export", f"{folder}/runs.parquet"],
            "check": ["check"],
            "merge, again": ["merge", str(path)],
        }
        print(f"{path.stat().st_size / 2**20:.0f} MiB\n")
        print("| command | seconds, median | first | the processor's | most MiB so far |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, words in commands.items():
            seconds, used, memory = cost(words, path)
            print(f"| {name} | {median(seconds):.2f} | {seconds[0]:.2f} | {used:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
