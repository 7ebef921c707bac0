"""Small cards and stores that several tests share."""

import sys
from dataclasses import replace

import pytest
import torch

from rnngrad import cards, cli, study
from rnngrad.cards import Card, CellSpec
from rnngrad.engine import reference
from rnngrad.ensemble import Ensemble
from rnngrad.store import Store
from rnngrad.study.executors import Here


def small_card(task: str = "adding", cell: str = "lstm", lag: int = 12, **training: float) -> Card:
    """A shipped card cut down to what a test can train."""
    card = cards.load(task)
    return replace(
        card,
        problem=replace(card.problem, lag=lag),
        training=replace(card.training, **{"batch": 8, "max_steps": 20, "eval_every": 10, "tuned": {}, **training}),
        stop=replace(card.stop, on=50, hold=10),
        cells=(CellSpec.parse(cell, hidden=6),),
    )


def ensemble_of(card: Card, seeds=range(2), engine=reference, **options) -> Ensemble:
    """The card's first cell as an ensemble on the CPU."""
    return Ensemble(card, card.cells[0], list(seeds), torch.device("cpu"), engine, **options)


def jobs_of(card: Card, seeds=range(2), **options) -> list[study.TrainingJob]:
    """The card's cells as jobs, on the CPU."""
    return study.Grid(card, [card.problem.lag], [], list(seeds), "cpu", "test", **options).jobs()


def carried_out(jobs, folder, listeners=(), executor=None) -> Store:
    """What the folder's store lacks of the jobs is computed; returns the store, open."""
    store = Store(folder / "rnngrad.db")
    recorder = study.Recorder(store, folder)
    keys = [key for job in jobs for key in job.keys]
    plan = study.make_plan(jobs, store.ended(keys), recorder.checkpoints.found(pytest.fail), room=None)
    study.conduct(plan, executor or Here(), recorder, listeners)
    return store


def batches_of(jobs):
    """The batches of numbers of an experiment's portions, measured here."""
    return (batch for job in jobs for batch in job.measure())


BESIDE = ("id", "created_at", "seconds", "weights", "command", "versions")
"""What two stores of the same numbers may differ in."""


def numbers(store):
    """Every stored number by what it belongs to, order and times apart."""
    runs = {run["key"]: {k: v for k, v in run.items() if k not in BESIDE} for run in store.runs()}
    keys = {run["id"]: run["key"] for run in store.runs()}
    tables = {}
    for table in ("snapshots", "probes"):
        rows = store._select(f"SELECT * FROM {table}", [])
        tables[table] = {(keys[row["run"]], row["step"]): {k: v for k, v in row.items() if k != "run"} for row in rows}
        assert len(tables[table]) == len(rows)
    return {"runs": runs, **tables}


@pytest.fixture
def card() -> Card:
    return small_card()


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs ``rnngrad ARGV`` in this process; returns exit code, stdout and stderr."""

    def run(*argv):
        monkeypatch.setattr(sys, "argv", ["rnngrad", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capsys.readouterr()

    return run
