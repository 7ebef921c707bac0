"""Two stores into one: nothing lost, nothing doubled, and again changes nothing."""

import errno
import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import a_run, fill, several

from rnngrad.measurement import Measurement
from rnngrad.store import Store, schema
from rnngrad.store.check import faults
from rnngrad.store.merge import Merged, merge

KEYS = [letter * 64 for letter in "abcdef"]


def dump(path):
    """Everything in a store as SQL."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def whole(path):
    """Every run with its parts, without the numbers that tie them."""
    with closing(Store(path, create=False)) as store:
        found = []
        for run in store.runs():
            parts = [
                store._select(f"SELECT * FROM {table} WHERE run = ? ORDER BY step", [run["id"]])
                for table in ("snapshots", "probes")
            ]
            loose = [[row | {"run": None} for row in rows] for rows in parts]
            found.append([run | {"id": None, "weights": None}, *loose])
        return sorted(found, key=repr)


def merged(path, *others):
    with closing(Store(path)) as store:
        theirs = [Store(other, create=False) for other in others]
        counts = merge(store, theirs)
        assert list(faults(store)) == []
        for other in theirs:
            other.close()
    return counts


@pytest.fixture
def two(tmp_path):
    """A store of three runs, and another of the other four, each in a folder of its own."""
    (tmp_path / "b").mkdir()
    return fill(tmp_path / "a.db", *several()[:3]), fill(tmp_path / "b" / "b.db", *several()[3:])


def test_all_that_both_have_is_there_once(command, two):
    own, other = two
    expected = sorted(whole(own) + whole(other), key=repr)
    theirs = dump(other)
    code, out, err = command("runs", "merge", other, "--store", own)
    assert (code, out, err) == (0, f"{other}: 4 new, 0 further than here, 0 known\n", "")
    assert whole(own) == expected
    assert dump(other) == theirs
    with closing(Store(own)) as store:
        assert [(run["id"], run["seed"]) for run in store.runs()] == list(enumerate((0, 1, 0, 1, 2, 2, 3), 1))


def test_merging_again_changes_nothing(two):
    own, other = two
    merged(own, other)
    before = dump(own)
    assert merged(own, other, other, own) == [Merged(known=4), Merged(known=4), Merged(known=7)]
    assert dump(own) == before


def test_several_stores_at_once_into_a_new_one(command, two, tmp_path):
    code, out, _ = command("runs", "merge", *two, two[0], "--store", tmp_path / "new" / "all.db")
    assert (code, [line.split(": ")[1][:5] for line in out.splitlines()]) == (0, ["3 new", "4 new", "0 new"])
    assert whole(tmp_path / "new" / "all.db") == sorted(whole(two[0]) + whole(two[1]), key=repr)


@pytest.mark.parametrize("key", [KEYS[0], None])
@pytest.mark.parametrize(
    ("own", "other", "kept"),
    [
        ({"status": "running", "steps": 30}, {"status": "finished", "steps": 20}, "finished"),
        ({"status": "finished", "steps": 20}, {"status": "running", "steps": 30}, "finished"),
        ({"status": "failed", "steps": 0}, {"status": "diverged", "steps": 10, "diverged_at": 7}, "diverged"),
        ({"status": "running", "steps": 10}, {"status": "interrupted", "steps": 20}, "interrupted"),
        ({"status": "interrupted", "steps": 20}, {"status": "running", "steps": 10}, "interrupted"),
        ({"status": "interrupted", "steps": 10}, {"status": "running", "steps": 10}, "interrupted"),
    ],
)
def test_of_a_run_that_both_know_the_one_that_ended_is_kept_else_the_further(tmp_path, key, own, other, kept):
    path = fill(tmp_path / "a.db", a_run(key=key, **own), a_run(seed=7))
    merged(path, fill(tmp_path / "b.db", a_run(key=key, **other)))
    with closing(Store(path)) as store:
        (run,) = [row for row in store.runs() if row["seed"] == 0]
        assert run["status"] == kept
        assert store.history(run["id"])[-1]["step"] == run["steps"]
        assert len(store.runs()) == 2


def test_a_key_decides_whatever_else_is_different(tmp_path):
    path = fill(tmp_path / "a.db", a_run(key=KEYS[0], created_at="2026-01-01", command="one", device="cpu"))
    other = fill(tmp_path / "b.db", a_run(key=KEYS[0], created_at="2026-02-02", command="two"), a_run(key=KEYS[1]))
    assert merged(path, other) == [Merged(new=1, known=1)]


@pytest.mark.parametrize("column", ["created_at", "command", "seed", "lr", "init", "card", "lag", "device", "versions"])
def test_without_key_runs_are_told_apart_by_everything_that_stays(tmp_path, column):
    others = {"seed": 9, "lr": 0.5, "lag": 51, "card": {"task": {}}, "versions": {"torch": "2.12.0"}}
    path = fill(tmp_path / "a.db", a_run())
    assert merged(path, fill(tmp_path / "b.db", a_run(**{column: others.get(column, "x")}))) == [Merged(new=1)]


RUNS = st.builds(
    lambda key, seed, status, steps: a_run(key=key, seed=seed, status=status, steps=steps, diverged_at=1),
    st.none(),
    st.integers(0, 2),
    st.sampled_from(["running", "finished", "diverged", "interrupted", "failed"]),
    st.sampled_from([0, 10, 20]),
)
KEYED = st.dictionaries(st.sampled_from(KEYS), RUNS, max_size=4).map(
    lambda runs: [run | {"key": key} for key, run in runs.items()]
)
STORES = st.builds(lambda old, new: old + new, st.lists(RUNS, max_size=4), KEYED)


def known(path):
    """What is there, as far as it decides: which run, ended or not, how far. Independent of which store came first."""
    with closing(sqlite3.connect(path)) as db:
        step = "(SELECT max(step) FROM snapshots WHERE run = id)"
        query = f"SELECT coalesce(key, seed), status IN ('finished', 'diverged'), {step} FROM runs"
        return sorted(map(repr, db.execute(query)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORES, STORES)
def test_the_order_does_not_matter_and_twice_is_once(tmp_path_factory, first, second):
    """Twins without key in one store included: as many are kept as the store with more of them has."""
    folder = tmp_path_factory.mktemp("stores")
    one, two = fill(folder / "1.db", *first), fill(folder / "2.db", *second)
    there, back = shutil.copy(one, folder / "12.db"), shutil.copy(two, folder / "21.db")
    merged(there, two)
    merged(back, one)
    assert known(there) == known(back)
    before = dump(there)
    merged(there, one, two, back)
    assert dump(there) == before
    for seed in range(3):
        twins = [sum(run["key"] is None and run["seed"] == seed for run in runs) for runs in (first, second)]
        assert sum(name.startswith(f"({seed},") for name in known(there)) == max(twins)


def with_weights(path, **contents):
    """Gives runs, by id, weights files in the folder beside the store, as a study does."""
    (path.parent / "weights").mkdir(exist_ok=True)
    with closing(Store(path)) as store:
        for run, content in contents.items():
            name = f"weights/run-{run[1:]}.safetensors"
            store.update_run(int(run[1:]), {"weights": name})
            if content is not None:
                (path.parent / name).write_bytes(content)
    return path


def weights(path):
    """The contents of the weights files by seed, and the names of all files in their folder."""
    with closing(Store(path)) as store:
        runs = {run["seed"]: run["weights"] and (path.parent / run["weights"]).read_bytes() for run in store.runs()}
        names = {run["weights"].split("/")[1] for run in store.runs() if run["weights"]}
    return runs, names == {file.name for file in (path.parent / "weights").iterdir()}


def test_weights_come_along_under_the_new_number(tmp_path):
    (tmp_path / "b").mkdir()
    ours = fill(tmp_path / "a.db", a_run(seed=0), a_run(seed=1, status="interrupted", steps=10), a_run(seed=2))
    theirs = fill(tmp_path / "b" / "b.db", a_run(seed=3), a_run(seed=1), a_run(seed=4))
    with_weights(ours, r1=b"zero", r2=b"half of one", r3=b"two")
    with_weights(theirs, r1=b"three", r2=b"one", r3=None)
    assert merged(ours, theirs) == [Merged(new=2, further=1, without_weights=1)]
    assert weights(ours) == ({0: b"zero", 1: b"one", 2: b"two", 3: b"three", 4: None}, True)
    assert (tmp_path / "b" / "weights" / "run-2.safetensors").read_bytes() == b"one"


@pytest.mark.parametrize("failing", [1, 2])
def test_when_a_copy_fails_both_store_and_folder_are_as_they_were(command, tmp_path, monkeypatch, failing):
    (tmp_path / "b").mkdir()
    ours = with_weights(fill(tmp_path / "a.db", a_run(seed=0, status="interrupted", steps=10)), r1=b"mine")
    theirs = with_weights(fill(tmp_path / "b" / "b.db", a_run(seed=0), a_run(seed=1)), r1=b"more", r2=b"other")
    before, copy, calls = (dump(ours), weights(ours)), shutil.copyfile, []

    def copyfile(source, target):
        calls.append(source)
        if len(calls) == failing:
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    code, out, err = command("runs", "merge", theirs, "--store", ours)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "No space left" in err
    assert (dump(ours), weights(ours)) == before


def experiment(path, status, values):
    with closing(Store(path)) as store:
        row = {"created_at": "2026-11-22", "name": "chain", "settings": {"depth": 9}, "device": "cpu", "versions": {}}
        run = store.add_experiment({**row, "command": "rnngrad depth chain", "status": status, "seconds": 1.0})
        numbers = [Measurement("gradient", value, 0, 9, 0, 1, "x", None) for value in values]
        store.add_portion(run, 0, "portion", numbers)
    return path, numbers


def test_experiments_come_with_their_numbers(tmp_path):
    path = fill(tmp_path / "a.db", a_run())
    other, numbers = experiment(tmp_path / "b.db", "finished", [0.5, 0.25, None])
    half, _ = experiment(tmp_path / "c.db", "interrupted", [0.5])
    assert merged(path, half, other, half) == [Merged(new=1), Merged(further=1), Merged(known=1)]
    with closing(Store(path)) as store:
        (row,) = store.experiments()
        assert (row["status"], store.measurements(row["id"])) == ("finished", numbers)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_stores_of_older_versions_can_be_merged_and_are_left_as_they_are(tmp_path, version):
    """A store is made of that version's own tables; its run has no key, its evaluations no measures."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as db, db:
        for number in range(1, version + 1):
            for statement in schema.VERSIONS[number]:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        db.execute(f"PRAGMA user_version = {version}")
    with closing(Store(tmp_path / "old.db", create=False)) as old:
        run = old.add_run({name: value for name, value in a_run().items() if name not in ("key", "reason")})
        for step in (0, 20):
            old.add_snapshot({"run": run, "step": step, "scores": {}, "flow": {}, "test_loss": 0.5})
    before = dump(tmp_path / "old.db")
    path = fill(tmp_path / "a.db", a_run(seed=1))
    assert merged(path, tmp_path / "old.db") == [Merged(new=1)]
    assert merged(path, tmp_path / "old.db") == [Merged(known=1)]
    assert dump(tmp_path / "old.db") == before
    with closing(Store(path)) as store:
        assert [row["step"] for row in store.history(2)] == [0, 20]
        assert store.measures(2) == []
        assert store.runs()[1] == a_run() | {"id": 2}


def test_a_store_that_is_not_sound_is_not_taken_in(command, two):
    own, other = two
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("UPDATE runs SET lag = 'long' WHERE id = 2")
    before = dump(own)
    code, out, err = command("runs", "merge", other, "--store", own)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "nothing merged" in err
    assert "run 2: lag is 'long', not a whole number" in err
    assert dump(own) == before
