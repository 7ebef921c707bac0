"""The commands of ``rnngrad depth``: rows to stdout and to the store, figures, and the same again from the store."""

import json
import sqlite3

import click
import pytest

from rnngrad.cli import command
from rnngrad.depth import nielsen
from rnngrad.errors import UsageError
from rnngrad.store import Store


@pytest.fixture
def small(monkeypatch):
    """Nielsen's experiment, cut down."""
    monkeypatch.setattr(nielsen, "HIDDEN_LAYERS", (1, 2))
    monkeypatch.setattr(nielsen, "INITIAL_SEEDS", 3)
    monkeypatch.setattr(nielsen, "EPOCHS", 3)


def run(capsys, *words):
    command.main([str(word) for word in words], standalone_mode=False)
    captured = capsys.readouterr()
    return captured.out, captured.err


def rows_of(out):
    """What is printed but for the names of files."""
    return [row for row in events(out) if row["event"] != "files"]


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def test_nielsen_prints_rows_with_what_is_published(small, tmp_path, capsys):
    out, err = run(capsys, "depth", "nielsen", "--seeds", 2, "--out", tmp_path, "--json", "--quiet")
    rows = [row for row in events(out) if row["event"] == "norm"]
    assert {(r["hidden_layers"], r["epoch"], r["layer"]) for r in rows} == {
        *((1, epoch, 1) for epoch in (0, 1)),
        *((2, epoch, layer) for epoch in (0, 1) for layer in (1, 2)),
    }
    first = next(row for row in rows if (row["hidden_layers"], row["epoch"], row["layer"]) == (2, 0, 1))
    assert first["published"] == 0.065741
    assert 0 <= first["percentile"] <= 100
    assert first["low"] <= first["median"] <= first["high"]
    assert next(row for row in rows if row["hidden_layers"] == 1)["published"] is None
    assert err == ""
    for name in ("nielsen.md", "nielsen.png", "nielsen.svg", "rnngrad.db"):
        assert (tmp_path / name).stat().st_size > 500


@pytest.mark.parametrize("name", ["chain", "nielsen"])
def test_report_draws_and_prints_the_same_again(small, tmp_path, capsys, name):
    options = ["--seeds", 2] if name == "nielsen" else ["--factor", 0.5, "--factor", 2, "--depth", 6]
    before, _ = run(capsys, "depth", name, *options, "--out", tmp_path, "--json", "--quiet")
    drawn = {ending: (tmp_path / f"{name}.{ending}").read_bytes() for ending in ("md", "png", "svg")}
    again = tmp_path / "again"
    after, _ = run(capsys, "report", "--store", tmp_path / "rnngrad.db", "--out", again, "--json")
    assert rows_of(before) == rows_of(after)
    assert {ending: (again / f"{name}.{ending}").read_bytes() for ending in drawn} == drawn


def test_people_get_a_table_sentences_and_the_files(tmp_path, capsys):
    out, _ = run(capsys, "depth", "chain", "--factor", 2, "--depth", 10, "--out", tmp_path)
    assert "1024" in out
    assert "a = 2: 10 layers multiply the activations by 1024" in " ".join(out.split())
    assert f"wrote {tmp_path / 'chain.png'}" in out


def test_progress_goes_to_stderr_in_plain_lines_where_that_is_no_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rnngrad.progress.PLAIN_EVERY", 0.0)
    _, err = run(capsys, "depth", "chain", "--depth", 5, "--out", tmp_path)
    assert [line.split(",")[0] for line in err.splitlines()] == ["depth chain: 50%", "depth chain: 100%"]


def test_a_repeated_experiment_counts_once_and_other_settings_beside_it(tmp_path, capsys):
    for depth in (5, 6, 5):
        run(capsys, "depth", "chain", "--depth", depth, "--out", tmp_path, "--quiet")
    store = Store(tmp_path / "rnngrad.db", create=False)
    assert [row["settings"]["depth"] for row in store.experiments()] == [5, 6]
    store.close()
    out, _ = run(capsys, "report", "--store", tmp_path / "rnngrad.db", "--json")
    names = {file.rsplit("/", 1)[1] for file in events(out)[-1]["files"]}
    assert len(names) == 2 * 3
    assert len([row for row in events(out) if row["event"] == "chain"]) == 2 * 2


def test_what_was_measured_before_an_interruption_is_kept(small, tmp_path, capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(nielsen, "_training_rows", interrupted)
    with pytest.raises(click.Abort):
        run(capsys, "depth", "nielsen", "--seeds", 2, "--out", tmp_path, "--quiet")
    with sqlite3.connect(tmp_path / "rnngrad.db") as db:
        assert db.execute("SELECT status FROM experiments").fetchall() == [("interrupted",)]
        assert db.execute("SELECT count(*) FROM measurements WHERE epoch = 0").fetchone()[0] == 3 * 2
    db.close()


def test_a_store_without_experiments_has_none(tmp_path):
    store = Store(tmp_path / "rnngrad.db")
    assert store.experiments() == []
    store.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nielsen", "--data", "none.npz"], "cannot read none.npz"),
        (["chain", "--factor", "0"], "--factor must be"),
        (["chain", "--factor", "3", "--depth", "1000"], "leave float64"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(tmp_path, capsys, words, message):
    with pytest.raises(UsageError, match=message):
        run(capsys, "depth", *words, "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()
