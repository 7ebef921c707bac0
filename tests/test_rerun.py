"""``rnngrad rerun`` from outside: trials in the store, resumption, budgets, the list, and words that are wrong."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from rnngrad.hs97.cards import load
from rnngrad.hs97.trial import Trial
from rnngrad.store import Store
from rnngrad.study.trial_job import next_look

OPTIONS = ("length=30", "cap=3000", "tolerance=0.33", "window=50", "mean_error=0.13", "error_window=30", "final=100")
EASY = ["rerun", "hs97/4/T100", *(word for option in OPTIONS for word in ("--set", option)), "--workers", "1"]
BOTH = ["text", "no_derivative"]
NUMBERS = ("seed", "status", "steps", "solved", "steps_to_solve")


@pytest.fixture
def rnngrad(command, monkeypatch, tmp_path):
    """The command, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command


@pytest.fixture
def every_block(monkeypatch):
    """Reports after each block of sequences, not after some seconds."""
    monkeypatch.setattr(sys.modules["rnngrad.study.trial_job"], "SECONDS", 0.0)


def stored(folder="runs"):
    """What the store has of each trial, but for times, with its weights."""
    store = Store(Path(folder) / "rnngrad.db", create=False)
    runs = store.runs()
    store.close()
    weights = [load_file(Path(folder) / run["weights"])["weights"].tolist() for run in runs]
    scores = [{k: v for k, v in run["scores"].items() if k != "ns_per_step"} for run in runs]
    numbers = [{name: run[name] for name in NUMBERS} for run in runs]
    return [{**a, **b, "weights": c} for a, b, c in zip(numbers, scores, weights, strict=True)]


def rows(out, event="rerun"):
    found = [json.loads(line) for line in out.splitlines()]
    return [row for row in found if row["event"] == event]


def test_a_trial_in_the_store_is_the_trial_itself(rnngrad):
    code, out, err = rnngrad(*EASY, "--trials", "2", "--json")
    assert code == 0
    assert "trials: 2" in err
    options = {name: float(value) if "." in value else int(value) for name, value in (o.split("=") for o in OPTIONS)}
    trial = Trial(load("4").resolve("T100", options=options), 1)
    progress = trial.advance(1e9)
    assert stored()[1]["reached"] == progress.reached
    assert stored()[1]["weights"] == trial.machine.weights.tolist()
    (row,) = rows(out)
    assert {"experiment", "setting", "reading", "published", "mean", "low", "high", "median", "minimum"} <= set(row)
    assert {"maximum", "solved", "trials", "ratio", "verdict", "test_wrong", "published_wrong"} <= set(row)
    assert (row["trials"], row["verdict"], row["published"]) == (2, "partial", 74_000)
    assert row["seconds"] > 0
    assert row["ns_per_step"] > 0
    assert all(Path(file).exists() for file in rows(out, "files")[0]["files"])


def test_the_course_of_a_trial_is_looked_at_on_a_grid_and_drawn(rnngrad):
    _, out, _ = rnngrad(*EASY, "--set", "mean_error=1e-9", "--trials", "1", "--json")
    store = Store(Path("runs") / "rnngrad.db", create=False)
    (run,) = store.runs()
    looks = [row["step"] for row in store.history(run["id"])]
    store.close()
    assert [next_look(0), *(next_look(int(next_look(0) * factor)) for factor in (1, 1.34, 10, 10.1))] == [
        1000, 1334, 1778, 13335, 13335
    ]  # fmt: skip
    block = round(20_000 / 31.5)
    assert looks[-1] == 3000
    for due in (1000, 1334, 1778, 2371):
        assert any(due <= look < due + block for look in looks)
    assert "runs/hs97-4-errors.png" in rows(out, "files")[0]["files"]


def test_a_damaged_row_is_said_in_one_line(rnngrad):
    rnngrad(*EASY, "--trials", "1", "--quiet")
    with closing(sqlite3.connect("runs/rnngrad.db", isolation_level=None)) as db:
        db.execute("UPDATE runs SET scores = 'nonsense'")
    code, _, err = rnngrad(*EASY, "--trials", "1", "--quiet")
    assert code == 2
    assert "a row that no rnngrad wrote" in err
    assert "Traceback" not in err


def test_a_repeated_command_computes_what_is_missing_and_more_trials_extend_it(rnngrad):
    first = rnngrad(*EASY, "--trials", "1")
    again = rnngrad(*EASY, "--trials", "1")
    assert again[:2] == first[:2]
    assert "1 are in the store" in again[2]
    before = stored()
    rnngrad(*EASY, "--trials", "3", "--quiet")
    assert len(stored()) == 3
    assert stored()[:1] == before


def test_out_of_time_it_goes_on_bit_for_bit(rnngrad, every_block, monkeypatch):
    clock = iter(range(0, 10_000, 5))
    rnngrad(*EASY, "--trials", "2", "--quiet", "--out", "whole")
    with monkeypatch.context() as patched:
        patched.setattr("rnngrad.study.deadline.monotonic", lambda: next(clock))
        code, out, err = rnngrad(*EASY, "--trials", "2", "--budget", "2s")
    assert code == 0
    assert "out of time: 0 of 2 trials are at their end; the same command goes on" in err
    assert [run["status"] for run in stored()] == ["interrupted"]
    assert "unfinished" in out
    assert "1 unsolved after" in out
    _, _, err = rnngrad(*EASY, "--trials", "2")
    assert "1 go on from a checkpoint" in err
    assert stored() == stored("whole")
    assert not list(Path("runs/checkpoints").glob("*.safetensors"))


def test_kill_9_loses_a_piece_of_work_at_most(rnngrad, tmp_path):
    long = ["rerun", "hs97/4/T100", "--set", "tolerance=1e-9", "--set", "cap=800000", "--trials", "1", "--workers", "1"]
    argv = [sys.executable, "-m", "rnngrad", *long, "--quiet"]
    process = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)
    checkpoints = tmp_path / "runs" / "checkpoints"
    until = time.monotonic() + 300
    while not list(checkpoints.glob("*.safetensors")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (cut,) = stored()
    assert 0 < cut["steps"] < 800_000
    _, _, err = rnngrad(*long)
    assert "1 go on from a checkpoint" in err
    rnngrad(*long, "--quiet", "--out", "whole")
    assert stored() == stored("whole")
    assert (stored()[0]["steps"], stored()[0]["solved"]) == (800_000, 0)


def test_workers_and_this_process_give_the_same_numbers(rnngrad, monkeypatch):
    monkeypatch.setattr("rnngrad.study.executors.pools.find_spec", lambda name: None)
    rnngrad(*EASY, "--trials", "2", "--quiet")
    rnngrad(*EASY[:-1], "2", "--trials", "2", "--quiet", "--out", "two")
    assert sorted(stored("two"), key=lambda run: run["seed"]) == stored()


def test_a_recurrent_net_that_does_not_solve_it_is_capped_and_its_flow_is_drawn(rnngrad):
    argv = ["rerun", "hs97/2a/rtrl-p4-lr1", "--set", "cap=500", "--set", "every=100", "--trials", "1", "--workers", "1"]
    code, out, _ = rnngrad(*argv, "--json", "--quiet")
    (row,) = rows(out)
    assert (code, row["solved"], row["trials"], row["mean"]) == (0, 0, 1, None)
    assert "runs/hs97-2a-flow.png" in rows(out, "files")[0]["files"]
    assert {"", "at the end", "before the end"} <= {row["kind"] for row in rows(out, "wrong")}
    assert "runs/hs97-2a-failed.png" not in rows(out, "files")[0]["files"]
    assert "runs/hs97-2a-inside.png" not in rows(out, "files")[0]["files"]


def test_the_report_shows_trials_beside_nothing_else(rnngrad):
    _, before, _ = rnngrad(*EASY, "--trials", "1", "--json", "--quiet")
    code, out, _ = rnngrad("report", "--json", "--out", "page")
    assert (code, rows(out)) == (0, rows(before))
    assert "Experiment 4: Adding problem" in Path("page/README.md").read_text()
    assert Path("page/index.html").read_text().count("<svg") == 3
    code, _, err = rnngrad("probe", "--checkpoint", "1", "--store", "runs/rnngrad.db")
    assert (code, "a trial of hs97/4" in err) == (2, True)


def test_two_readings_of_a_setting_stand_side_by_side_in_the_report(rnngrad):
    asked = [word for name in [*BOTH, "text"] for word in ("--reading", name)]
    code, out, err = rnngrad(*EASY, "--set", "cap=300", "--trials", "1", *asked, "--json")
    assert (code, "readings: 2, trials: 2" in err) == (0, True)
    assert [row["reading"].partition(",")[0] for row in rows(out) if row["event"] == "rerun"] == BOTH
    code, out, _ = rnngrad("report", "--out", "page")
    words = " ".join(out.split())
    assert code == 0
    assert "1 reading beside the text's tried, of 1 setting." in words
    assert "final=100: wrong at the end of 1 unsolved trial: " in words
    page = Path("page/index.html").read_text()
    assert page.count("<svg") == 4
    assert page.index("Readings: every setting that was read") < page.index("Kaplan and Meier")


def test_the_list_has_every_setting_with_published_numbers_and_cost(rnngrad, tmp_path):
    code, out, _ = rnngrad("rerun", "hs97/4", "hs97/6a", "--list", "--json")
    listed = rows(out, "experiment")
    assert code == 0
    paper = [row for row in listed if row["in_paper"]]
    assert [row["setting"] for row in paper] == ["T100", "T100", "T500", "T1000"]
    assert [row["published"] for row in paper] == [31_390, 74_000, 209_000, 853_000]
    assert all(0 < row["estimated_seconds"] < row["seconds_at_most"] for row in paper)
    assert not (tmp_path / "runs").exists()
    code, out, _ = rnngrad("rerun", "hs97/4", "--list")
    assert re.search(r"hs97/4/T1000 .*853,000 .*10/10 .*93 .*10 ", out)


def test_without_a_compiler_it_says_so_at_once(rnngrad, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    for argv in (EASY, ["rerun", "--list"]):
        code, out, err = rnngrad(*argv)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "reruns need compiled code, which NUMBA_DISABLE_JIT=1 switches off: unset it" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("argv", "pattern"),
    [
        ([], r"name an experiment, such as hs97/4"),
        (["hs97/7"], r"unknown experiment of hs97 '7'.*known are 1, 2a"),
        (["hs98"], r"unknown experiment of hs97 'hs98'"),
        (["hs97/4/T10"], r"unknown setting of experiment 4 'T10': did you mean 'T100'"),
        (["hs97/4", "--trials", "0"], r"'--trials'.*0"),
        (["hs97/4", "--reading", "per_stop"], r"unknown reading of experiment 4 'per_stop'.*known are text"),
        (["hs97/4", "--set", "speed=3"], r"unknown option 'speed'"),
        (["hs97/4", "--set", "speed"], r"'--set speed': expected option=value"),
        (["hs97/4", "--set", "lr=-1"], r"lr"),
        (["hs97/4", "--budget", "0m"], r"'0m' allows nothing: the shortest piece of work takes 2s"),
        (["hs97/4", "--budget", "1s"], r"'1s' allows nothing"),
        (["hs97/4", "--budget", "soon"], r"'soon': expected a number with s, m or h, such as 90s, 10m or 1.5h"),
        (["hs97/4", "--workers", "0"], r"'--workers'"),
        (["hs97/4", "--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], r"a Dask cluster has its own workers"),
        (["hs97/4", "--seed", str(2**62)], r"the last seed must be under"),
    ],
)
def test_wrong_words_are_one_line(rnngrad, tmp_path, argv, pattern):
    code, out, err = rnngrad("rerun", *argv, "--quiet")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert re.match(rf"rnngrad: .*{pattern}", err), err
    assert not (tmp_path / "runs").exists()
