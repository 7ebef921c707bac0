"""Nets of today beside the 1997 paper's: trained by the engine, in the tables as rows that the paper does not have."""

import json
import re
from pathlib import Path

import pytest
from conftest import carried_out, jobs_of

from rnngrad import cards
from rnngrad.errors import UsageError
from rnngrad.hs97.cards import load, shipped
from rnngrad.reruns import caption, lines, not_run, reruns
from rnngrad.store import Store
from rnngrad.study.modern import SEEDS, ModernSetting, modern_setting
from rnngrad.study.trials import asked

PAPER = """
[experiment]
name = "9"
title = "A lag of four steps"
paper = "A paper"
claim = "It learns."
trials = 2
[problem]
kind = "long_lag"
p = 4
[net]
rule = "rtrl"
connectivity = "B"
bias = "none"
init = 0.2
[training]
lr = 1.0
cap = 200
[criterion]
kind = "successive"
tolerance = 0.25
look = "every"
successive = 10_000
every = 100
[[setting]]
name = "rtrl-p4"
weights = 36
"""
BESIDE = """
[[modern]]
name = "modern-rnn-p4"
task = "small.toml"
protocol = "hs97-2a"
lag = 4
cell = "rnn"
"""
SMALL = """
[task]
name = "small"
title = "A small card"
[problem]
name = "noiseless_recall"
protocol = "hs97-2b"
lag = 30
[training]
lr = 1e-2
batch = 8
clip = 1.0
max_steps = 15
eval_every = 5
[stop]
rule = "loss_below"
value = 1.3
on = 50
hold = 5
[[cell]]
name = "rnn"
hidden = 6
"""
RERUN = ("rerun", "nine.toml", "--workers", "1")
NUMBERS = ("task", "protocol", "seed", "status", "steps", "solved", "steps_to_solve", "test_loss")


@pytest.fixture
def rnngrad(command, monkeypatch, tmp_path):
    """The command, in a folder with a card of a paper and the task card that its row names."""
    monkeypatch.chdir(tmp_path)
    Path("nine.toml").write_text(PAPER + BESIDE)
    Path("small.toml").write_text(SMALL)
    return command


def stored(folder="runs"):
    store = Store(Path(folder) / "rnngrad.db", create=False)
    runs = store.runs()
    store.close()
    return runs


def events(out, event="rerun"):
    return [row for row in map(json.loads, out.splitlines()) if row["event"] == event]


def test_the_row_is_what_the_engine_makes_of_the_task_card(rnngrad, tmp_path):
    """Beside the same cell, seeds, protocol and lag trained as ``rnngrad task`` trains them, in a store of its own."""
    code, out, _ = rnngrad(*RERUN, "--json", "--quiet")
    paper, beside = events(out)
    card = modern_setting(load("nine.toml"), load("nine.toml").modern[0]).task
    (tmp_path / "plain").mkdir()
    store = carried_out(jobs_of(card, range(SEEDS)), tmp_path / "plain")
    plain, twins = store.runs(), [run for run in stored() if run["task"] == "hs97/9" and run["cell"] == "rnn"]
    store.close()
    assert code == 0
    assert [[run[name] for name in NUMBERS[2:]] for run in twins] == [[run[n] for n in NUMBERS[2:]] for run in plain]
    assert not {run["key"] for run in plain} & {run["key"] for run in twins}
    solved = [8 * run["steps_to_solve"] for run in plain if run["solved"]]
    assert 1 < len(solved) < SEEDS
    assert (beside["solved"], beside["trials"], beside["cap"]) == (len(solved), SEEDS, 8 * 15)
    assert beside["mean"] == pytest.approx(sum(solved) / len(solved))
    assert (beside["verdict"], beside["in_paper"], beside["published"]) == ("not in the paper", False, None)
    assert beside["criterion"].startswith("loss below 1.3 on 50 fresh sequences, tried every 5 updates of 8 sequences")
    assert (paper["setting"], paper["in_paper"], paper["trials"]) == ("rtrl-p4", True, 2)


def test_it_goes_on_where_it_was_interrupted_and_more_seeds_extend_it(rnngrad, monkeypatch):
    clock = iter(range(0, 10_000, 5))
    rnngrad(*RERUN, "--trials", "2", "--quiet", "--out", "whole")
    with monkeypatch.context() as patched:
        patched.setattr("rnngrad.study.deadline.monotonic", lambda: next(clock))
        _, _, err = rnngrad(*RERUN, "--trials", "2", "--budget", "55s")
    assert "out of time: 2 of 4 trials are at their end" in err
    assert [run["status"] for run in stored()] == ["finished"] * 2 + ["interrupted"] * 2
    assert all(run["steps"] == 5 for run in stored()[2:])
    _, _, err = rnngrad(*RERUN, "--trials", "2")
    assert "trials: 4; 2 are in the store; 1 go on from a checkpoint" in " ".join(err.split())
    assert "of 120, running error" in err
    whole = [[run[name] for name in NUMBERS] for run in stored("whole")]
    assert [[run[name] for name in NUMBERS] for run in stored()] == whole
    rnngrad(*RERUN, "--trials", "3", "--quiet")
    assert sorted(run["seed"] for run in stored() if run["cell"] == "rnn") == [0, 1, 2]


def test_tables_reports_and_figures_have_the_row_and_no_comparison_has(rnngrad):
    _, out, _ = rnngrad(*RERUN, "--quiet")
    assert re.search(r"9 modern-rnn-p4 \|.*\| not in the paper \|", Path("runs/hs97-9.md").read_text())
    assert "Their criterion is the card's, not the paper's" in " ".join(out.split())
    code, again, _ = rnngrad("report", "--json", "--out", "page")
    assert code == 0
    assert [row["setting"] for row in events(again)] == ["rtrl-p4", "modern-rnn-p4"]
    assert not events(again, "summary")
    assert "modern-rnn-p4" in Path("page/hs97-9-trials.svg").read_text()
    assert "not in the paper" in Path("page/README.md").read_text()
    code, _, err = rnngrad("probe", "--checkpoint", "3", "--store", "runs/rnngrad.db")
    assert (code, "a trial of hs97/9, which `rnngrad report` shows" in err) == (2, True)


def test_the_list_marks_it_and_has_its_cost_and_weights(rnngrad, tmp_path):
    _, out, _ = rnngrad("rerun", "nine.toml", "--list", "--json")
    paper, beside = events(out, "experiment")
    assert (paper["in_paper"], beside["in_paper"]) == (True, False)
    assert (beside["setting"], beside["trials"], beside["cap"], beside["published_trials"]) == (
        "modern-rnn-p4",
        5,
        120,
        None,
    )
    assert beside["weights"] == 6 * (5 + 6 + 2) + 5 * (6 + 1)
    assert 0 < beside["estimated_seconds"] <= beside["seconds_at_most"]
    _, out, _ = rnngrad("rerun", "nine.toml", "--list", "--trials", "3")
    assert re.search(r"modern-rnn-p4 .*not in the paper .* – .* 113 .* 3 ", out)
    assert not (tmp_path / "runs").exists()


ROWS = {
    "1": ["modern-rnn-N30", "modern-lstm-N30"],
    "2a": [f"modern-{cell}-p{p}" for p in (4, 10, 100) for cell in ("rnn", "lstm")],
    "3a": [f"modern-{cell}-T100-N3" for cell in ("rnn", "lstm", "chrono")],
    "4": ["modern-rnn-T100", "modern-lstm-T100"],
    "5": [f"modern-{cell}-T100" for cell in ("rnn", "lstm", "chrono")],
    "6a": [f"modern-{cell}-T100" for cell in ("rnn", "lstm", "chrono")],
}


@pytest.mark.parametrize("name", shipped())
def test_shipped_rows_are_of_the_tasks_own_cards(name):
    beside = [one for one in asked([f"hs97/{name}"]) if isinstance(one, ModernSetting)]
    assert sorted(one.row.name for one in beside) == sorted(ROWS.get(name, []))
    for one in beside:
        (job,) = one.jobs(None, 7, "command")
        assert [run["seed"] for run in job.runs] == [7, 8, 9, 10, 11]
        assert {run["protocol"] for run in job.runs} == {one.row.name}
        assert job.card.training == cards.load(one.row.task).training
        assert json.loads(json.dumps(one.about))["training"]["cap"] == 96_000
        assert one.sequences() == one.cap == 96_000


def test_the_papers_own_short_trials_come_first_and_its_endless_ones_last():
    settings = [one.about["setting"] for one in asked(["hs97/6a", "hs97/2a"])]
    assert settings.index("T100") < settings.index("modern-rnn-T100")
    assert settings.index("modern-lstm-p100") < settings.index("bptt-p100-lr1")


def test_naming_one_runs_only_that():
    (one,) = asked(["hs97/2a/modern-lstm-p100"])
    (job,) = one.jobs(2, 0, "command")
    assert (job.spec.label, job.card.problem.lag, len(job.keys)) == ("lstm:forget_bias_1", 100, 2)


def test_a_reading_or_an_option_is_of_the_paper_alone(rnngrad):
    assert not [one for one in asked(["hs97/6a"], "squared_error") if isinstance(one, ModernSetting)]
    assert not [one for one in asked(["hs97/6a"], options={"cap": 1000}) if isinstance(one, ModernSetting)]
    for argv in (("--reading", "squared_error"), ("--set", "cap=1000")):
        code, _, err = rnngrad("rerun", "hs97/6a/modern-rnn-T100", *argv)
        assert code == 2
        assert re.match(r"rnngrad: hs97/6a/modern-rnn-T100 is not in the paper: leave out '--reading' and", err), err


@pytest.mark.parametrize(
    ("old", "new", "pattern"),
    [
        ('"modern-rnn-p4"', '"rnn"', r"'name'"),
        ('"small.toml"', '"copying"', r"hs97/9, \[\[modern\]\] 'modern-rnn-p4': unknown task 'copying'"),
        ('"hs97-2a"', '"2a"', r"'modern-rnn-p4': problem 'noiseless_recall': unknown protocol '2a'"),
        ('"rnn"\n', '"rmn"\n', r"'modern-rnn-p4': unknown cell 'rmn'"),
        ("lag = 4\n", "lag = 1\n", r"'modern-rnn-p4': lag 1 is too short"),
        (BESIDE, BESIDE + BESIDE, r"setting 'modern-rnn-p4' stands in it twice"),
    ],
)
def test_a_wrong_row_is_refused_in_one_line(rnngrad, old, new, pattern):
    Path("nine.toml").write_text((PAPER + BESIDE).replace(old, new))
    with pytest.raises(UsageError, match=pattern):
        asked(["nine.toml"])


def row_of(seed, solved, status="finished", steps=40, seconds=2.0):
    """A stored run of the modern engine by its numbers of updates, of experiment 9."""
    card = {
        "experiment": {"name": "9", "title": "Nine", "trials": 4},
        "setting": "modern-rnn-p4",
        "reading": "text",
        "options": {},
        "contradicts": False,
        "training": {"cap": 320, "batch": 8, "eval_every": 5},
        "stop": {"rule": "accuracy_at_least", "value": 0.99, "on": 1000},
        "milestones": ["solved"],
        "published": [],
        "modern": {},
    }
    times = {"steps": steps, "steps_to_solve": solved, "seconds": seconds}
    return {"id": seed, "seed": seed, "status": status, "solved": int(solved is not None), "card": card} | times


def test_updates_are_sequences_times_batch_and_what_trains_together_shares_its_time():
    runs = [row_of(0, 10), row_of(1, 30, seconds=3.0), row_of(2, 20), row_of(3, None, "diverged", 5)]
    (found,) = reruns([*runs, row_of(4, None, "interrupted", 5)])
    (row,) = found.rows()
    assert (row["mean"], row["minimum"], row["maximum"], row["cap"]) == (160, 80, 240, 320)
    assert (row["solved"], row["trials"], row["diverged"], row["unfinished"]) == (3, 4, 1, 1)
    assert (row["median"], row["seconds"]) == (200, 3.0)
    assert (row["predicted_low"], row["predicted_high"]) == (None, None)
    assert (row["published_solved"], row["ratio"], row["verdict"]) == (None, None, "not in the paper")
    (line,) = lines([row])[1:]
    assert (line[1], line[2], line[6], line[7], line[8]) == (
        "–",
        "–",
        "3/4, 1 unsolved after 40",
        "–",
        "not in the paper",
    )
    assert "accuracy at least 0.99 on 1,000 fresh sequences, tried every 5 updates of 8" in caption([row])


def test_what_is_not_run_says_so_and_rows_of_the_paper_need_no_footnote():
    (missing,) = not_run(row_of(0, None)["card"], 60.0)
    (measured,) = reruns([row_of(0, 10)])[0].rows()
    assert (missing["verdict"], missing["in_paper"]) == ("not run", False)
    assert set(missing) - {"estimated_seconds"} <= set(measured)
    assert len(lines([missing])[1]) == len(lines([measured])[1]) == 15
    assert "Not in the paper" not in caption([{**missing, "in_paper": True, "criterion": None}])
