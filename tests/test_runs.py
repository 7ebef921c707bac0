"""``rnngrad runs``: the list, its filters, one run whole, exported files, and what it costs on 10,000 runs."""

import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from stores import CARD, INTERRUPTED, a_run, fill, several

from rnngrad.store import Store, schema
from rnngrad.store.selection import STATUSES

ID = r"'ID': .* is no run's id: give a number from the first column of `rnngrad runs`"
LEDGER = Path(__file__).parents[1] / "reports"


@pytest.fixture
def store(tmp_path):
    return fill(tmp_path / "rnngrad.db", *several())


def as_json(result):
    code, out, err = result
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def refused(result, pattern):
    code, out, err = result
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(pattern, err), err


def test_the_list_has_a_line_for_every_run_the_newest_last(command, store):
    code, out, err = command("runs", "--store", store)
    assert (code, err) == (0, INTERRUPTED)
    heading, *lines = [re.split(r"  +", line.strip()) for line in out.splitlines()]
    assert heading[0] == "id"
    assert [line[0] for line in lines] == list("1234567")
    named = dict(zip(heading, lines[2], strict=True))
    wanted = {"task": "adding", "cell": "lstm:chrono", "lag": "50", "lr": "0.01", "seed": "0", "status": "finished"}
    wanted |= {"id": "3", "solved": "yes", "steps": "20", "steps to solve": "10", "test loss": "0.004"}
    assert named == wanted
    assert lines[1][-1] == "–"


def test_json_lines_have_the_numbers_as_they_are_stored(command, store):
    rows = as_json(command("runs", "--store", store, "--json"))
    for row, stored in zip(rows, several(), strict=True):
        stored["status"] = stored["status"].replace("running", "interrupted")  # nobody computes it
        names = ("cell", "init", "lag", "seed", "status", "steps_to_solve", "test_loss", "key", "reason", "horizon")
        assert {name: row[name] for name in names} == {name: stored[name] for name in names}
        assert row["solved"] is bool(stored["solved"])
        assert row["grad_first_over_last_end"] is None  # JSON has no infinity


FILTERS = [
    (["--task", "copy"], lambda r: r["task"] == "copy"),
    (["--task", "copy", "--task", "adding"], lambda r: True),
    (["--cell", "rnn"], lambda r: r["cell"] == "rnn"),
    (["--cell", "rnn:irnn"], lambda r: (r["cell"], r["init"]) == ("rnn", "irnn")),
    (["--cell", "rnn:irnn", "--cell", "gru"], lambda r: r["init"] == "irnn" or r["cell"] == "gru"),
    (["--lag", "50", "--lag", "100"], lambda r: r["lag"] in (50, 100)),
    (["--status", "diverged", "--status", "failed"], lambda r: r["status"] in ("diverged", "failed")),
    (["--cell", "lstm", "--lag", "200"], lambda r: r["cell"] == "lstm" and r["lag"] == 200),
    (
        ["--task", "adding", "--status", "finished", "--lag", "50"],
        lambda r: r["status"] == "finished" and r["lag"] == 50,
    ),
]


@pytest.mark.parametrize(("words", "wanted"), FILTERS, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_a_filter_leaves_the_runs_that_it_names(command, store, words, wanted):
    ids = [row["id"] for row in as_json(command("runs", "--store", store, "--json", *words))]
    assert ids == [k for k, row in enumerate(several(), 1) if wanted(row)]
    assert ids


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["--task", "coppy"], "unknown stored task 'coppy': did you mean 'copy'. known are adding, copy"),
        (["--cell", "lst"], "unknown stored cell 'lst': did you mean 'lstm'"),
        (["--cell", "lstm:chrno"], "did you mean 'lstm:chrono'"),
        (["--cell", "lstm:"], "unknown stored cell 'lstm:'"),
        (["--lag", "2000"], "unknown stored lag '2000': did you mean '200'. known are 50, 100, 200"),
        (["--lag", str(10**30)], "unknown stored lag"),
        (["--status", "finish"], "unknown status 'finish': did you mean 'finished'"),
    ],
)
def test_a_value_that_no_run_has_is_refused_with_the_nearest(command, store, words, pattern):
    refused(command("runs", "--store", store, *words), pattern)


def test_where_no_run_fits_all_filters_there_is_nothing_on_stdout(command, store):
    code, out, err = command("runs", "--store", store, "--task", "copy", "--cell", "rnn")
    assert (code, out) == (0, "")
    assert err.startswith("no runs to list in")


def test_an_empty_store_and_none_at_all(command, tmp_path):
    Store(tmp_path / "rnngrad.db").close()
    assert command("runs", "--store", tmp_path / "rnngrad.db")[:2] == (0, "")
    refused(command("runs", "--store", tmp_path / "rnngrad.db", "--lag", 7), "has no runs")
    refused(command("runs", "--store", tmp_path / "other.db"), "no store at")
    refused(command("runs", "--store", tmp_path), f"is a folder, and a store is a file .*: {tmp_path / 'rnngrad.db'}$")


def test_the_statuses_are_those_that_the_table_takes():
    (taken,) = re.findall(r"status IN \((.*?)\)", schema.VERSIONS[4][0])
    assert tuple(re.findall(r"'(\w+)'", taken)) == STATUSES


def test_many_runs_are_summed_up_on_a_terminal_and_listed_to_a_pipe(command, tmp_path, monkeypatch):
    rows = [
        a_run(seed=k, lag=lag, solved=int(k < 60), steps_to_solve=10 if k < 60 else None)
        for lag in (9, 10)
        for k in range(150)
    ]
    rows[-1]["status"] = "interrupted"
    path = fill(tmp_path / "rnngrad.db", *rows)
    assert command("runs", "--store", path)[1].count("\n") == 301
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, *lines, last = command("runs", "--store", path)[1].splitlines()
    assert [line.split() for line in lines] == [
        ["adding", "9", "lstm:chrono", "0.01", "150", "60/150", "–", "150"],
        ["adding", "10", "lstm:chrono", "0.01", "150", "60/150", "1", "interrupted", "300"],
    ]
    assert "300 runs" in last
    assert command("runs", "--store", path, "--lag", 9)[1].count("\n") == 151


def test_one_run_whole(command, store):
    code, out, err = command("runs", "show", 3, "--store", store)
    assert (code, err) == (0, "")
    found = dict(re.split(r"  +", line, maxsplit=1) for line in out.split("\n\n")[0].splitlines())
    wanted = {"id": "3", "solved": "True", "command": "rnngrad task adding", "versions.torch": "2.13.0"}
    wanted |= {"card.training.tuned.lstm:chrono": "0.01", "card.cells.2.name": "rnn", "baselines.constant": "0.166667"}
    assert wanted.items() <= found.items()
    history = out.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in history] == ["step", "0", "10", "20"]
    (row,) = as_json(command("runs", "show", 3, "--store", store, "--json"))
    assert row["card"] == CARD
    assert [(h["step"], h["test_loss"]) for h in row["history"]] == [(0, 0.004), (10, 0.004), (20, 0.004)]


@pytest.mark.parametrize(
    ("run", "pattern"), [(8, "no run 8: .*7 runs, ids 1 to 7"), (0, ID), (10**30, ID), ("foo", ID)]
)
def test_a_run_that_is_not_there(command, store, run, pattern):
    refused(command("runs", "show", run, "--store", store), pattern)


def exported(file):
    """The rows of a file, JSON decoded, as another program reads them."""
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    frame = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [row | {name: json.loads(row[name]) for name in ("card", "versions", "baselines", "scores")} for row in rows]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "CSV"])
def test_an_exported_file_has_the_rows_that_were_named(command, store, tmp_path, ending):
    file = tmp_path / f"adding.{ending}"
    code, out, err = command("runs", "export", file, "--store", store, "--task", "adding")
    assert (code, out, err) == (0, f"wrote 5 runs to {file}\n", "")
    rows = exported(file.rename(file.with_suffix(f".{ending.lower()}")))
    infinite = {"grad_first_over_last_end": None} if ending == "jsonl" else {}
    for k, (row, stored) in enumerate(zip(rows, several(), strict=False), 1):
        assert row == stored | infinite | {"id": k}
    assert len(rows) == 5


def test_csv_is_text_that_any_program_reads(command, store, tmp_path):
    command("runs", "export", tmp_path / "all.csv", "--store", store)
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["solved"] for row in rows[:3]] == ["False", "False", "True"]
    assert rows[0]["grad_first_over_last_end"] == "-inf"
    assert rows[0]["steps_to_solve"] == ""


def test_an_export_that_fails_leaves_the_file_as_it_was(command, store, tmp_path):
    """The fifth row cannot be read when four are written."""
    for ending in ("csv", "jsonl", "parquet"):
        file = tmp_path / f"runs.{ending}"
        command("runs", "export", file, "--store", store)
        before = file.read_bytes()
        with closing(sqlite3.connect(store)) as db, db:
            db.execute("UPDATE runs SET card = '{' WHERE id = 5")
        refused(command("runs", "export", file, "--store", store), "run 5: card is '{', not a JSON object")
        assert file.read_bytes() == before
        with closing(sqlite3.connect(store)) as db, db:
            db.execute("UPDATE runs SET card = '{}' WHERE id = 5")
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".jsonl", ".parquet", ".db"}


def test_parquet_without_pyarrow_names_the_extra(command, store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(command("runs", "export", tmp_path / "x.parquet", "--store", store), r"pip install 'rnngrad\[parquet\]'")
    assert list(tmp_path.glob("*x.parquet*")) == []


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("x.cvs", r"cannot export to \S+/x.cvs: unknown ending '.cvs': did you mean '.csv'"),
        ("x", r"cannot export to \S+/x: its ending says the form, so give it one of .csv, .jsonl, .parquet"),
        ("no/x.csv", "no folder"),
        ("folder.csv", r"cannot write \S+/folder.csv: Is a directory"),
        (f"{'x' * 250}.csv", r"cannot write \S+/x{250}.csv: File name too long"),
        (f"{'x' * 246}.parquet", r"cannot write \S+/x{246}.parquet: File name too long"),
    ],
)
def test_a_file_that_cannot_be_exported_to(command, store, tmp_path, name, pattern):
    (tmp_path / "folder.csv").mkdir()
    refused(command("runs", "export", tmp_path / name, "--store", store), pattern)
    assert {path.name for path in tmp_path.iterdir()} == {"folder.csv", "rnngrad.db"}


def test_options_may_stand_before_the_subcommand(command, store, tmp_path):
    before = command("runs", "--store", store, "--lag", 50, "export", tmp_path / "a.csv")
    after = command("runs", "export", tmp_path / "b.csv", "--store", store, "--lag", 50)
    assert before[0] == after[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert as_json(command("runs", "--store", store, "--json", "show", 3))[0]["id"] == 3
    refused(command("runs", "--store", store, "--lag", 50, "show", 3), "'--lag' does not go with `rnngrad runs show`")


@pytest.mark.parametrize("entry", ["adding-lag200", "copy-lag100", "copy-lag30"])
def test_the_stores_of_older_versions_in_the_ledger_are_read_as_they_are(command, tmp_path, entry):
    path = Path(shutil.copy(LEDGER / entry / "rnngrad.db", tmp_path))
    before = path.read_bytes()
    rows = as_json(command("runs", "--store", path, "--json"))
    assert {row["key"] for row in rows} == {None}
    (whole,) = as_json(command("runs", "show", rows[-1]["id"], "--store", path, "--json"))
    assert whole["history"][-1]["step"] == rows[-1]["steps"]
    assert command("runs", "export", tmp_path / "all.csv", "--store", path)[0] == 0
    assert command("runs", "check", "--store", path)[0] == 0
    assert path.read_bytes() == before


def test_what_would_steer_a_terminal_is_not_printed(command, tmp_path):
    path = fill(tmp_path / "rnngrad.db", a_run(task="a\x1b[31mb\nc", command="x\x07"))
    for words in ([], ["show", "1"]):
        out = command("runs", *words, "--store", path)[1]
        assert not set(out) & {"\x1b", "\x07"}
        assert "a�[31mb�c" in out


def started(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "rnngrad", "runs", *map(str, words)], stdout=subprocess.PIPE, **options
    )


def test_a_reader_that_goes_away_is_no_accident(tmp_path):
    path = fill(tmp_path / "rnngrad.db", *(a_run(seed=k, steps=0) for k in range(3000)))
    with started("--store", path, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "rnngrad.db"
    return fill(path, *(a_run(seed=k, steps=0) for k in range(10_000)))


@pytest.mark.parametrize("words", [[], ["--json"], ["--cell", "lstm:chrono", "--lag", "50"]], ids=" ".join)
def test_ten_thousand_runs_are_listed_in_under_a_second_of_the_processor(ten_thousand, words):
    """Of its time, not of the clock's: the tests may have company. Start-up included."""
    with started("--store", ten_thousand, *words) as process:
        lines = process.stdout.read().count(b"\n")
        _, process.returncode, used = os.wait4(process.pid, 0)
    assert lines >= 10_000
    assert process.returncode == 0
    assert used.ru_utime + used.ru_stime < 1.0
