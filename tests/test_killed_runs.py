"""Runs that are marked as running and that nobody computes any more: how they are shown."""

import json
import re
import subprocess
import sys
from contextlib import closing

import pytest
from stores import CARD, a_run, fill

from rnngrad.store import Store
from rnngrad.store.claims import Claimed

KEYS = ["a" * 64, "b" * 64]
CLAIM = """
import sys
from pathlib import Path
from rnngrad.store.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(len(claims.claim(sys.argv[2:])), flush=True)
sys.stdin.read()
"""
RESOLVED = CARD | {"training": CARD["training"] | {"max_steps": 1000}}


def claiming(folder, *keys):
    """A process that claims the keys until it ends, and how many it was given."""
    words = [sys.executable, "-c", CLAIM, folder, *keys]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


@pytest.fixture
def killed(tmp_path):
    """A store of two running runs, the first computed by the process that comes with it, and one that ended."""
    rows = [a_run(seed=k, key=key, status="running", card=RESOLVED) for k, key in enumerate(KEYS)]
    path = fill(tmp_path / "rnngrad.db", *rows, a_run(seed=2, key="c" * 64, card=RESOLVED))
    process, _ = claiming(tmp_path, KEYS[0])
    yield path, process
    process.kill()
    process.communicate()


def statuses(command, path, *words):
    rows = [json.loads(line) for line in command("runs", *words, "--json", "--store", path)[1].splitlines()]
    return {row["seed"]: row["status"] for row in rows}


def test_a_killed_run_is_interrupted_and_one_that_is_computed_runs(command, killed):
    path, process = killed
    assert statuses(command, path) == {0: "running", 1: "interrupted", 2: "finished"}
    assert statuses(command, path, "--status", "running") == {0: "running"}
    process.kill()
    process.wait()
    assert statuses(command, path, "--status", "interrupted") == {0: "interrupted", 1: "interrupted"}
    with closing(Store(path, create=False)) as store:
        assert [run["status"] for run in store.runs()] == ["running", "running", "finished"]


def test_the_list_and_the_run_itself_say_that_the_same_command_goes_on(command, killed, tmp_path):
    path, _ = killed
    _, out, err = command("runs", "--store", path)
    assert [line.split()[6] for line in out.splitlines()[1:]] == ["running", "interrupted", "finished"]
    assert err == "1 interrupted: the same command, which `rnngrad runs show ID` has, goes on\n"
    shown = command("runs", "show", 2, "--store", path)[1]
    assert re.search(r"^status +interrupted: the same command goes on with it$", shown, flags=re.MULTILINE)
    command("runs", "export", tmp_path / "x.jsonl", "--store", path)
    exported = [json.loads(line)["status"] for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert exported == ["running", "interrupted", "finished"]


def test_the_page_counts_it_as_interrupted(command, killed, tmp_path):
    path, _ = killed
    assert command("report", "--store", path, "--out", tmp_path / "page")[0] == 0
    said = (tmp_path / "page" / "README.md").read_text(encoding="utf-8")
    assert "3 runs: 1 finished, 1 interrupted, 1 running." in said


def test_a_copy_of_a_store_is_computed_by_nobody_and_what_is_no_key_stays_as_it_is(command, tmp_path):
    rows = [a_run(seed=k, key=key, status="running") for k, key in enumerate((KEYS[0], "no key", None))]
    path = fill(tmp_path / "rnngrad.db", *rows)
    assert statuses(command, path) == {0: "interrupted", 1: "running", 2: "running"}


def test_who_looks_claims_nothing(tmp_path):
    first, given = claiming(tmp_path, KEYS[0])
    look = Claimed(tmp_path)
    assert (given, [look(key) for key in KEYS]) == (1, [True, False])
    second, given = claiming(tmp_path, *KEYS)
    assert (given, look(KEYS[1])) == (1, True)
    look.close()
    for process in (first, second):
        process.communicate()
