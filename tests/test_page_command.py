"""``rnngrad report --out``: which files it writes, what it refuses, and what it costs with ten thousand runs."""

import json
import resource
import subprocess
import sys

import pytest
from conftest import small_card
from fabricated import CELLS_SHOWN, fabricate


@pytest.fixture
def store(tmp_path, card):
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "rnngrad.db"
    fabricate(path, card, lags=(20,), cells=("rnn",), seeds=2)
    return path


def test_a_report_with_a_folder_is_a_page_and_says_so(command, tmp_path, store):
    out = tmp_path / "report"
    for _ in range(2):  # over its own page too
        code, stdout, stderr = command("report", "--store", store, "--out", out)
        assert (code, stderr) == (0, "")
    assert stdout.splitlines()[-3:] == [f"wrote {out / 'README.md'}", f"wrote {out / 'index.html'}", f"rows in {store}"]
    html = (out / "index.html").read_text(encoding="utf-8")
    assert f"rnngrad report --store {store} --out {out}" in html
    assert html.count("<svg") == len(list(out.glob("*.svg"))) == 3


def test_the_page_is_among_the_files_of_json(command, tmp_path, store):
    _, stdout, _ = command("report", "--store", store, "--out", tmp_path / "report", "--json")
    event = json.loads(stdout.splitlines()[-1])
    assert [name.rpartition("/")[-1] for name in event["files"]] == ["README.md", "index.html"]


def test_without_a_folder_there_is_no_page(command, store):
    assert command("report", "--store", store)[0] == 0
    assert not (store.parent / "README.md").exists()
    assert not (store.parent / "index.html").exists()


def test_somebodys_own_readme_stops_the_report_before_it_draws(command, tmp_path, store):
    out = tmp_path / "project"
    out.mkdir()
    (out / "README.md").write_text("# My project", encoding="utf-8")
    code, stdout, stderr = command("report", "--store", store, "--out", out)
    assert (code, stdout) == (2, "")
    assert "README.md was not written by `rnngrad report`" in stderr
    assert "--out" in stderr
    assert [path.name for path in out.iterdir()] == ["README.md"]


@pytest.mark.slow
def test_ten_thousand_runs_are_a_page_within_a_minute_and_a_gigabyte(tmp_path):
    """Of five lags and two cells, with twelve evaluations each. The minute is one of a core's, so that nobody
    else's work counts."""
    path, out = tmp_path / "rnngrad.db", tmp_path / "report"
    card = small_card()
    fabricate(path, card, (50, 100, 200, 500, 1000), CELLS_SHOWN, 1000, range(0, 3000, 250))
    command = [sys.executable, "-m", "rnngrad", "report", "--store", str(path), "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used.ru_utime + used.ru_stime < 60
    assert used.ru_maxrss < 1e6  # kilobytes
    html = (out / "index.html").read_text(encoding="utf-8")
    assert len(html) < 5e6
    assert "10,000 runs: 10,000 finished." in html
    assert html.count("<tr>") < 100
