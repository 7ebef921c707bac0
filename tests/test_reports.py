"""The ledger is true: every committed table comes out of its committed rows, and every entry is listed."""

import shutil
from pathlib import Path

import pytest

from rnngrad import report
from rnngrad.store import Store
from rnngrad.summary import comparisons
from rnngrad.tables import markdown_table

REPORTS = Path(__file__).parents[1] / "reports"
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
    found = comparisons(store_of(entry).runs())
    assert {f"{c.name}.md" for c in found} | {"README.md"} == {path.name for path in entry.glob("*.md")}
    for comparison in found:
        table = (entry / f"{comparison.name}.md").read_text(encoding="utf-8")
        assert table == markdown_table(comparison)
        assert table in (entry / "README.md").read_text(encoding="utf-8")


def test_the_figures_come_out_of_the_rows(store_of, tmp_path):
    """Of one entry; the bytes of a figure belong to matplotlib's version, its existence to us."""
    store = store_of(REPORTS / "demo")
    (comparison,) = comparisons(store.runs())
    names = {path.name for path in report.draw(comparison, store, tmp_path)}
    assert names == {path.name for path in (REPORTS / "demo").iterdir()} - {"README.md", "rnngrad.db"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_the_ledger_lists_the_entry(entry):
    assert f"({entry.name}/README.md)" in (REPORTS / "README.md").read_text(encoding="utf-8")


def test_no_reported_seed_was_used_for_tuning(store_of):
    seeds = {entry.name: {run["seed"] for run in store_of(entry).runs()} for entry in ENTRIES}
    tuned = set().union(*(s for name, s in seeds.items() if name.startswith("tuning")))
    reported = set().union(*(s for name, s in seeds.items() if not name.startswith("tuning")))
    assert tuned
    assert reported
    assert not tuned & reported
