"""The ledger is true: every committed table comes out of its committed rows, and every entry is listed."""

import shutil
import sys
from pathlib import Path
from runpy import run_path

import pytest

from rnngrad import cli, report
from rnngrad.reruns import is_trial
from rnngrad.store import Store
from rnngrad.summary import comparisons
from rnngrad.tables import markdown_table

REPORTS = Path(__file__).parents[1] / "reports"
MAKE = run_path(str(REPORTS / "make.py"))
not_begun, notes = MAKE["not_begun"], MAKE["notes"]
ENTRIES = sorted(path.parent for path in REPORTS.glob("*/rnngrad.db"))


@pytest.fixture
def store_of(tmp_path):
    """Opens a copy, because reading a store may leave files beside it."""

    def open_copy(entry):
        shutil.copy(entry / "rnngrad.db", tmp_path)
        return Store(tmp_path / "rnngrad.db", create=False)

    return open_copy


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_the_tables_come_out_of_the_rows(entry, store_of):
    store = store_of(entry)
    trials = [run for run in store.runs() if is_trial(run)]
    found = comparisons([run for run in store.runs() if not is_trial(run)])
    parts = {f"{c.name}.md": [markdown_table(c)] for c in found}
    parts |= {f"{own.name}.md": [part.markdown for part in own.parts] for own in report.swept(found)}
    parts |= {f"{own.name}.md": [own.markdown] for own in report.rerunning(trials, not_begun(trials, entry))}
    parts |= {f"{own.name}.md": [own.markdown] for own in report.found(store)}
    store.close()
    assert {*parts, "README.md"} == {path.name for path in entry.glob("*.md")} - {"NOTES.md"}
    assert "".join(notes(entry)) in (entry / "README.md").read_text(encoding="utf-8")
    for name, tables in parts.items():
        assert "\n".join(tables) == (entry / name).read_text(encoding="utf-8")
        assert all(table in (entry / "README.md").read_text(encoding="utf-8") for table in tables)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.name.startswith("depth-")], ids=lambda path: path.name)
def test_the_figures_of_depth_come_out_of_the_rows(entry, store_of, tmp_path):
    store = store_of(entry)
    names = {path.name for found in report.found(store) for path in report.draw_found(found, tmp_path)}
    store.close()
    assert names == {path.name for path in entry.iterdir()} - {"README.md", "rnngrad.db"}


def test_every_published_norm_before_training_is_inside_our_band(store_of):
    """Of Nielsen's nets, in the 200 seeds of the ledger."""
    store = store_of(REPORTS / "depth-nielsen")
    (found,) = report.found(store)
    store.close()
    known = [row for row in found.rows if row["event"] == "norm" and row["epoch"] == 0 and row["published"] is not None]
    assert len(known) == 9
    assert all(row["seeds"] == 200 and row["low"] < row["published"] < row["high"] for row in known)


def test_the_figures_come_out_of_the_rows(store_of, tmp_path):
    """Of one entry; the bytes of a figure belong to matplotlib's version, its existence to us."""
    store = store_of(REPORTS / "demo")
    (comparison,) = comparisons(store.runs())
    names = {path.name for path in report.draw(comparison, store, tmp_path)}
    assert names == {path.name for path in (REPORTS / "demo").iterdir()} - {"README.md", "rnngrad.db"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_the_ledger_lists_the_entry(entry):
    assert f"({entry.name}/README.md)" in (REPORTS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.name.endswith("-lags")], ids=lambda path: path.name)
def test_a_sweep_s_whole_report_comes_out_of_its_rows(entry, tmp_path, monkeypatch):
    """By the one command that its page names; the bytes of a figure belong to matplotlib's version."""
    shutil.copy(entry / "rnngrad.db", tmp_path)
    argv = ["rnngrad", "report", "--store", str(tmp_path / "rnngrad.db"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in entry.iterdir()} - {
        "rnngrad.db"
    }


def test_no_reported_seed_was_used_for_tuning(store_of):
    seeds = {entry.name: {run["seed"] for run in store_of(entry).runs()} for entry in ENTRIES}
    tuned = set().union(*(s for name, s in seeds.items() if name.startswith("tuning")))
    reported = set().union(*(s for name, s in seeds.items() if not name.startswith("tuning")))
    assert tuned
    assert reported
    assert not tuned & reported
