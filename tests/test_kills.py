"""kill -9 at random moments: whatever dies, the completed sweep has the numbers of one that was never disturbed."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import psutil
import pytest
from conftest import numbers

from rnngrad.store import Store

pytestmark = pytest.mark.slow

KILLS = 50
CARD = """
[task]
name = "killed"
title = "Killed again and again"
[problem]
name = "adding"
protocol = "arjovsky"
lag = 40
[training]
lr = 3e-3
batch = 16
clip = 1.0
max_steps = {steps}
eval_every = 10
[stop]
rule = "loss_below"
value = 0.08
on = 200
hold = 15
[[cell]]
name = "rnn"
hidden = 16
[[cell]]
name = "gru"
hidden = 16
[[cell]]
name = "lstm"
hidden = 16
"""
GRID = ("--lags", "40,60", "--threads", "1", "--quiet", "--json")


def command(folder, seeds, *more):
    """The sweep, as a process and group of its own."""
    argv = [sys.executable, "-m", "rnngrad", "sweep", str(folder.parent / "card.toml"), *GRID, "--out", str(folder)]
    argv += ["--seeds", str(seeds), *more]
    with complaints(folder).open("ab") as said:
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)


def complaints(folder):
    """Where its standard error goes."""
    return folder.with_suffix(".stderr")


def complete(folder, seeds, *more):
    """The sweep to its end; returns its numbers."""
    process = command(folder, seeds, *more)
    assert process.wait(timeout=1800) == 0, complaints(folder).read_text()
    return found(folder)


def found(folder):
    store = Store(folder / "rnngrad.db", create=False)
    try:
        assert [row["integrity_check"] for row in store._select("PRAGMA integrity_check", [])] == ["ok"]
        assert store._select("PRAGMA foreign_key_check", []) == []
        return numbers(store)
    finally:
        store.close()


def ended(folder):
    """The runs that have ended, with all their columns."""
    if not snapshots(folder):
        return {}
    return {key: run for key, run in found(folder)["runs"].items() if run["status"] == "finished"}


def snapshots(folder):
    """How many there are; none while the store is being made."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'rnngrad.db'}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM snapshots").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def wait(process, folder, before):
    """Mostly until the sweep is further, so that it is killed at its work; now and then while it starts."""
    until = time.monotonic() + random.choice([random.uniform(0, 10), 90, 90])
    while time.monotonic() < until and process.poll() is None and snapshots(folder) == before:
        time.sleep(0.2)


def kill(process, target):
    """The client, one of its workers, or all of them together; returns what died."""
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    if target == "worker" and workers:
        random.choice(workers).kill()
        return "worker"
    for child in children if target == "group" else []:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait()
    return "group" if target == "group" else "client"


@pytest.fixture
def card(tmp_path):
    (tmp_path / "card.toml").write_text(CARD.format(steps=400))
    return tmp_path


def test_fifty_kills_lose_nothing_and_change_nothing(card, capsys):
    """A sweep that completes meanwhile gets more seeds."""
    random.seed(0)
    folder, before, died, seeds = card / "killed", {}, [], 4
    process = command(folder, seeds)
    wait(process, folder, 0)
    while len(died) < KILLS:
        time.sleep(random.uniform(0, 6))
        if process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                died.append(kill(process, random.choice(["client", "worker", "group"])))
        if process.poll() is not None:
            assert process.returncode in (0, -9), complaints(folder).read_text()
            seeds += 4 if process.returncode == 0 else 0
            process = command(folder, seeds, *random.choice([(), ("--workers", "2")]))
            wait(process, folder, snapshots(folder))
        now = ended(folder)
        assert {key: now[key] for key in before} == before
        before = now
    process.kill()
    process.wait()
    actual, expected = complete(folder, seeds), complete(card / "whole", seeds)
    assert actual == expected
    counts = ", ".join(f"{died.count(kind)} {kind}" for kind in ("client", "worker", "group"))
    with capsys.disabled():
        print(
            f"\n{len(died)} kills ({counts}); {len(before)} of {len(expected['runs'])} runs had ended by then; "
            f"{len(actual['snapshots'])} snapshots equal, bit for bit"
        )


def dask(part, file, *more):
    """A scheduler or worker on the loopback."""
    argv = [sys.executable, "-m", f"distributed.cli.dask_{part}", "--scheduler-file", str(file), *more]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def test_a_cluster_that_loses_workers_changes_nothing(card, capsys):
    """One scheduler, three workers; killed workers are replaced by new ones."""
    random.seed(1)
    expected = complete(card / "whole", 6)
    file = card / "scheduler.json"
    scheduler = dask("scheduler", file, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    one = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
    while not file.exists():
        time.sleep(0.1)
    workers = [dask("worker", file, *one) for _ in range(3)]
    address = json.loads(file.read_text())["address"]
    process, kills = command(card / "cluster", 6, "--scheduler", address), 0
    try:
        while process.poll() is None:
            time.sleep(random.uniform(4, 8))
            victim = random.randrange(3)
            workers[victim].kill()
            workers[victim].wait()
            workers[victim] = dask("worker", file, *one)
            kills += 1
        assert process.returncode in (0, 1), complaints(card / "cluster").read_text()
        runs = found(card / "cluster")["runs"].values()
        failed = sum(run["status"] == "failed" for run in runs)
        assert (failed > 0) == (process.returncode == 1)
        assert complete(card / "cluster", 6, "--scheduler", address) == expected
    finally:
        for own in (process, scheduler, *workers):
            own.kill()
            own.wait()
    assert kills > 0
    with capsys.disabled():
        print(f"\n{kills} workers of a cluster killed, {failed} of {len(runs)} runs given up and repeated; all equal")
