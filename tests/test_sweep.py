"""``rnngrad sweep`` from outside: the grid, what is missing of it, its rows, and words that are wrong."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from conftest import numbers
from test_cli import WITHOUT_CUDA
from test_store import CARD

from rnngrad.progress import minutes
from rnngrad.store import Store


@pytest.fixture
def rnngrad(command, monkeypatch, tmp_path):
    """The command, in a folder where ``mine.toml`` is a quick card."""
    (tmp_path / "mine.toml").write_text(CARD.format(steps=10))
    monkeypatch.chdir(tmp_path)
    return command


SMALL = ["sweep", "mine.toml", "--lags", "10,20", "--cell", "rnn", "--cell", "lstm", "--lrs", "1e-3,1e-2"]
SMALL += ["--seeds", "2"]


def stored(folder="runs"):
    with closing(sqlite3.connect(f"{folder}/rnngrad.db")) as db:
        return db.execute("SELECT lag, cell, lr, seed FROM runs ORDER BY id").fetchall()


def test_a_sweep_is_lags_by_rates_by_cells_by_seeds(rnngrad):
    code, out, err = rnngrad(*SMALL)
    assert code == 0
    grid = product((10, 20), (1e-3, 1e-2), ("rnn", "lstm"), (0, 1))
    assert stored() == [(lag, cell, lr, seed) for lag, lr, cell, seed in grid]
    assert "16 of 16 runs done" in err
    assert re.search(r"rnn lr=0.001 *│ *10 │ 0/2 \[0.00, 0.66\]", out)
    assert "rnngrad report --store runs/rnngrad.db" in out


def test_a_repeated_sweep_trains_nothing_and_prints_the_same(rnngrad):
    first = rnngrad(*SMALL)
    again = rnngrad(*SMALL)
    assert again[:2] == first[:2]
    assert "16 of 16 runs are in the store" in " ".join(again[2].split())
    more = rnngrad(*SMALL[:-1], "3", "--quiet")
    assert (more[0], more[2]) == (0, "")
    assert len(stored()) == 24


def test_a_task_is_a_sweep_of_one_lag(rnngrad):
    rnngrad("sweep", "mine.toml", "--lags", "10", "--seeds", "2", "--quiet")
    _, out, err = rnngrad("task", "mine.toml", "--lag", "10", "--seeds", "2")
    assert "2 of 2 runs are in the store" in " ".join(err.split())
    assert "first/last gradient, before" in out


def test_a_dry_run_says_what_is_missing_and_writes_nothing(rnngrad, tmp_path):
    code, out, _ = rnngrad(*SMALL, "--dry-run", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert not (tmp_path / "runs").exists()
    assert [(row["lag"], row["cell"], row["lr"], row["from_start"]) for row in rows][:2] == [
        (10, "rnn", 1e-3, 2),
        (10, "lstm", 1e-3, 2),
    ]
    assert all(row["seconds_at_most"] > 0 for row in rows)
    rnngrad(*SMALL, "--quiet")
    code, out, _ = rnngrad(*SMALL[:-1], "5", "--dry-run")
    assert "24 of 40 runs to train" in out
    assert "Starting, tables and figures take some seconds more." in " ".join(out.split())
    before = (tmp_path / "runs" / "rnngrad.db").read_bytes()
    assert (tmp_path / "runs" / "rnngrad.db").read_bytes() == before


def test_json_has_a_row_for_every_run_and_the_statistics(rnngrad):
    _, out, _ = rnngrad(*SMALL, "--json", "--quiet")
    events = [json.loads(line) for line in out.splitlines()]
    runs = [event for event in events if event["event"] == "run"]
    assert len(runs) == 16
    assert {"cell", "init", "lag", "seed", "status", "solved", "steps_to_solve", "test_loss"} <= set(runs[0])
    kinds = [event["event"] for event in events]
    assert (kinds.count("lag"), kinds.count("half"), kinds[-1]) == (8, 4, "files")


def test_a_failed_run_is_told_of_and_the_exit_code_is_1(rnngrad, monkeypatch):
    def fails(self):
        raise MemoryError("no room")

    monkeypatch.setattr("rnngrad.study.TrainingJob.ensemble", fails)
    code, out, err = rnngrad("task", "mine.toml", "--lag", "10", "--seeds", "2")
    assert code == 1
    assert err.splitlines()[-1] == "rnngrad: a job failed: MemoryError: no room"
    assert "0/2" in out
    store = Store(Path("runs/rnngrad.db"), create=False)
    assert [(run["status"], run["reason"]) for run in store.runs()] == [("failed", "MemoryError: no room")] * 2
    store.close()


@pytest.mark.parametrize(
    ("argv", "pattern"),
    [
        (["--lags", "10,x"], r"'--lags': '10,x' is no list of whole numbers with commas between them"),
        (["--lags", ""], r"'--lags': '' is no list of whole numbers"),
        (["--lags", "10,1"], r"lag 1 is too short"),
        (["--lags", "10,-5"], r"'--lags': expected at least 1, got -5"),
        (["--lags", "10,2000000000"], r"'--lags': expected a number within ±1,000,000,000, got 2000000000"),
        (["--lags", "10,20,10"], r"'--lags': 10 is there more than once: give each once"),
        (["--lrs", "1e-3,0.001"], r"'--lrs': 0.001 is there more than once"),
        (["--cell", "lstm", "--cell", "lstm:forget_bias_1"], r"'--cell': lstm:forget_bias_1 is there more than once"),
        (["--lrs", "1e-3;1e-2"], r"'--lrs': .* is no list of numbers"),
        (["--lrs", "0"], r"'--lrs': expected more than 0, got 0.0"),
        (["--workers", "0"], r"'--workers'"),
        (["--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], r"a Dask cluster has its own workers"),
        (["--scheduler", "tcp://127.0.0.1:1"], r"--scheduler tcp://127.0.0.1:1: no Dask scheduler answers there"),
        (["--scheduler", "nonsense"], r"--scheduler nonsense: no Dask scheduler answers there"),
        (["--scheduler", "nonsense", "--dry-run"], r"--scheduler nonsense: no Dask scheduler answers there"),
        (["--per-worker-gpu"], r"'--per-worker-gpu': there are no workers"),
        pytest.param(["--per-worker-gpu", "--workers", "1"], "--device cuda: torch finds no CUDA", marks=WITHOUT_CUDA),
        (["--log", "wandb"], r"'--log'"),
        (["--seeds", "60000"], r"this grid has 120,000 runs"),
    ],
)
def test_wrong_words_are_one_line(rnngrad, tmp_path, monkeypatch, argv, pattern):
    monkeypatch.setattr("rnngrad.study.executors.dask.PATIENCE", "1s")
    lags = [] if "--lags" in argv else ["--lags", "10,20"]
    code, out, err = rnngrad("sweep", "mine.toml", *lags, *argv, "--quiet")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert re.match(rf"rnngrad: .*{pattern}", err)


def test_without_dask_a_scheduler_is_refused_and_workers_are_processes_of_our_own(rnngrad, monkeypatch):
    monkeypatch.setattr("rnngrad.study.executors.pools.find_spec", lambda name: None)
    code, _, err = rnngrad("task", "mine.toml", "--scheduler", "tcp://127.0.0.1:1", "--quiet")
    assert (code, "rnngrad[cluster]" in err) == (2, True)
    code, _, err = rnngrad("task", "mine.toml", "--seeds", "2", "--workers", "1", "--quiet")
    assert (code, err) == (0, "")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 500 kB, and what makes it larger."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", disk], check=True)
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_one_line_and_with_more_room_the_sweep_goes_on(rnngrad, tmp_path, small_disk):
    disk, enlarge = small_disk
    command = ["sweep", "mine.toml", "--lags", "20,40", "--seeds", "6", "--steps", "60", "--quiet", "--out"]
    code, _, err = rnngrad(*command, disk / "out")
    assert (code, err.count("\n")) == (1, 1)
    assert re.match("rnngrad: the run failed: .*(full|No space left)", err)
    enlarge()
    assert rnngrad(*command, disk / "out")[0] == rnngrad(*command, tmp_path / "whole")[0] == 0
    full, whole = (Store(path / "rnngrad.db") for path in (disk / "out", tmp_path / "whole"))
    assert numbers(full) == numbers(whole)
    full.close()
    whole.close()


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (5159.7, "86:00")])
def test_a_time_has_no_sixtieth_second(seconds, said):
    assert minutes(seconds) == said
