"""What can befall a store: one line that says what to do, and what was stored before is still there."""

import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from stores import INTERRUPTED, a_run, fill, several

from rnngrad.errors import UsageError
from rnngrad.store import Store, opening
from rnngrad.store.check import faults
from rnngrad.store.faults import named
from rnngrad.store.schema import SCHEMA_VERSION

READING = (["runs"], ["runs", "--json"], ["runs", "show", "1"], ["runs", "check"], ["report", "--json"])


@pytest.fixture
def store(tmp_path):
    return fill(tmp_path / "rnngrad.db", *several())


def dump(path):
    """Everything in a store as SQL."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def edit(path, statement, *values):
    """As somebody would with another program."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(statement, values)


def is_one_line(result, code, pattern):
    got, out, err = result
    assert (got, out, err.count("\n")) == (code, "", 1), result
    assert re.search(pattern, err), err


def mount(*words):
    """Mounts, or skips the test where that is not allowed."""
    if os.geteuid() or subprocess.run(["mount", *map(str, words)], capture_output=True).returncode:
        pytest.skip("this needs the right to mount")


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", folder)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def read_only(store, tmp_path):
    """The store in a folder that nobody can write to, not even root."""
    folder = tmp_path / "frozen"
    folder.mkdir()
    shutil.move(store, folder)
    if os.geteuid():
        folder.chmod(0o500)
    else:
        mount("--bind", folder, folder)
        mount("-o", "remount,ro,bind", folder)
    yield folder / "rnngrad.db"
    if os.geteuid():
        folder.chmod(0o700)
    else:
        subprocess.run(["umount", "--lazy", folder], check=True)


def grown(store, runs):
    """Adds runs one by one until the disk is full; returns how many were added."""
    for done in range(runs):
        with store.transaction():
            run = store.add_run(a_run(seed=100 + done, command="x" * 5000))
            store.add_snapshot({"run": run, "step": 20, "scores": {}, "flow": {}, "measures": {}})
    raise AssertionError("the disk took everything")


def test_on_a_full_disk_every_run_that_was_taken_is_kept(small_disk):
    """The error is SQLite's own, not that of a rollback after it; the store goes on when there is room again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(64 * 1024))
    path = fill(small_disk / "rnngrad.db", *several())
    with closing(Store(path)) as store:
        with pytest.raises(sqlite3.OperationalError, match="full"):
            grown(store, 1000)
        kept = len(store.runs())
        assert kept > 7
        ballast.unlink()
        with store.transaction():
            store.add_run(a_run(seed=99, steps=0))
    with closing(Store(path)) as store:
        assert len(store.runs()) == kept + 1
        assert list(faults(store)) == []


def test_merging_onto_a_full_disk_is_one_line_and_changes_nothing(command, small_disk, tmp_path):
    path = fill(small_disk / "rnngrad.db", *several())
    other = fill(tmp_path / "other.db", *(a_run(seed=k, command="x" * 5000) for k in range(10, 100)))
    before = dump(path)
    is_one_line(
        command("runs", "merge", other, "--store", path), 1, r"the store .*rnngrad\.db: .*full.*free some space"
    )
    assert dump(path) == before


def test_exporting_onto_a_full_disk_leaves_no_half_of_a_file(command, small_disk, tmp_path):
    path = fill(tmp_path / "many.db", *(a_run(seed=k, command="x" * 5000) for k in range(100)))
    is_one_line(command("runs", "export", small_disk / "x.csv", "--store", path), 1, "No space left")
    assert list(small_disk.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_one_line_and_changes_nothing(store, tmp_path):
    """The same where nothing can be mounted."""
    other = fill(tmp_path / "other.db", *(a_run(seed=k, command="x" * 5000) for k in range(10, 60)))
    before, limit = dump(store), store.stat().st_size + 50_000
    done = subprocess.run(
        [sys.executable, "-m", "rnngrad", "runs", "merge", str(other), "--store", str(store)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    is_one_line((done.returncode, done.stdout, done.stderr), 1, "rnngrad: the store .*(quota|free some space)")
    assert dump(store) == before


@pytest.mark.parametrize("words", READING[:-1], ids=" ".join)
def test_a_store_in_a_folder_that_cannot_be_written_is_read(command, read_only, words):
    code, said, err = command(*words, "--store", read_only)
    assert (code, err) == (0, INTERRUPTED if words == ["runs"] else "")
    assert said


def test_nothing_is_merged_into_a_store_that_cannot_be_written(command, read_only, tmp_path):
    """Nor into a new one beside it; from it, all is."""
    before = read_only.read_bytes()
    other = fill(tmp_path / "other.db", a_run(seed=77))
    is_one_line(command("runs", "merge", other, "--store", read_only), 2, "cannot write.*")
    assert read_only.read_bytes() == before
    assert command("runs", "merge", read_only, "--store", other)[0] == 0


def test_a_study_says_that_the_store_cannot_be_written(read_only):
    with pytest.raises(UsageError, match=r"cannot open the store .*its folder cannot be written"):
        Store(read_only)


def test_a_file_that_is_read_only_is_read_and_not_written(command, store, tmp_path):
    """Its folder can be written: SQLite opens such a file for reading alone."""
    other = fill(tmp_path / "other.db", a_run(seed=77))
    if os.geteuid():
        store.chmod(0o400)
    else:
        mount("--bind", store, store)
        mount("-o", "remount,ro,bind", store)
    try:
        assert command("runs", "--store", store)[0] == 0
        is_one_line(command("runs", "merge", other, "--store", store), 1, "readonly.*read-only: copy it to where")
    finally:
        if not os.geteuid():
            subprocess.run(["umount", "--lazy", store], check=True)
    assert len(dump(store)) > 7


def test_a_store_that_another_program_writes_is_read_and_not_written(command, store, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "TIMEOUT", 0.05)
    other, before = fill(tmp_path / "other.db", a_run(seed=77)), dump(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM runs WHERE id = 1")
        assert command("runs", "--store", store)[1].count("\n") == 8  # as it was: nothing is committed
        said = command("runs", "merge", other, "--store", store)
        is_one_line(said, 1, "the store .*: database is locked .another program.*repeat the command")
        writer.execute("ROLLBACK")
    assert dump(store) == before
    assert command("runs", "merge", other, "--store", store)[0] == 0


def test_a_store_that_is_locked_as_a_whole_is_not_read(command, store, monkeypatch):
    monkeypatch.setattr(opening, "TIMEOUT", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as writer:
        writer.execute("PRAGMA locking_mode = EXCLUSIVE")
        writer.execute("BEGIN EXCLUSIVE")
        is_one_line(command("runs", "--store", store), 2, "cannot open the store .*locked")
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("words", [*READING, ["runs", "export", "x.csv"], ["runs", "merge"]], ids=" ".join)
def test_a_newer_schema_is_not_touched(command, store, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    edit(store, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = store.read_bytes()
    more = [fill(tmp_path / "other.db", a_run())] if words[-1] == "merge" else []
    is_one_line(command(*words, *more, "--store", store), 2, "made by a newer rnngrad: upgrade")
    assert store.read_bytes() == before
    assert not (tmp_path / "x.csv").exists()


CORRUPT = {
    "lag = 'long'": "lag is 'long', not a whole number",
    "test_loss = 'low'": "test_loss is 'low', not a number",
    "lr = x'00ff'": r"lr is b'\\x00\\xff', not a number",
    "steps_to_solve = 10.5": "steps_to_solve is 10.5, not a whole number",
}
JSON = {
    "card = '{\"task\": '": "card is '.*', not a JSON object",
    "versions = '[1]'": r"versions is '\[1\]', not a JSON object",
    f"scores = '{'[' * 100_000}'": "scores is '.*…, not a JSON object",
}


@pytest.mark.parametrize("damage", CORRUPT)
def test_a_number_that_is_none_is_named_with_its_run(command, store, damage):
    edit(store, f"UPDATE runs SET {damage} WHERE id = 3")
    before = store.read_bytes()
    for words in (["runs"], ["runs", "--json"], ["runs", "show", "3"]):
        is_one_line(command(*words, "--store", store), 2, rf"\(run 3: {CORRUPT[damage]}\): restore a copy")
    code, out, _ = command("runs", "check", "--store", store)
    assert (code, out.count("\n")) == (1, 1)
    assert re.search(f"run 3: {CORRUPT[damage]}", out)
    assert command("runs", "show", 2, "--store", store)[0] == 0
    assert store.read_bytes() == before


@pytest.mark.parametrize("damage", JSON, ids=lambda damage: damage[:20])
def test_text_that_is_no_json_is_named_where_it_is_needed(command, store, damage):
    """The list does not read it, and goes on."""
    edit(store, f"UPDATE runs SET {damage} WHERE id = 3")
    assert command("runs", "--store", store)[0] == 0
    is_one_line(command("runs", "show", 3, "--store", store), 2, rf"\(run 3: {JSON[damage]}\)")
    code, out, _ = command("runs", "check", "--store", store)
    assert code == 1
    assert re.fullmatch(f"run 3: {JSON[damage]}\n", out)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE snapshots SET flow = 'x' WHERE run = 2 AND step = 10", "snapshot of run 2 at step 10: flow is 'x'"),
        ("UPDATE probes SET horizon = 'far' WHERE run = 2", "probe of run 2 at step 0: horizon is 'far'"),
        ("DELETE FROM runs WHERE id = 1", "snapshots: 3 rows belong to runs that are not there"),
        ("UPDATE runs SET solved = 1 WHERE id = 2", "run 2 is solved and has no step at which"),
        ("UPDATE runs SET solved = 7, steps_to_solve = 1 WHERE id = 2", "run 2 is neither solved nor unsolved"),
        ("UPDATE runs SET steps_to_solve = 30 WHERE id = 3", "run 3 was solved later than it ran"),
        ("UPDATE runs SET diverged_at = NULL WHERE id = 2", "run 2 diverged and has no step at which"),
        ("UPDATE runs SET steps = 10 WHERE id = 1", "run 1 has evaluations beyond its steps"),
        ("DELETE FROM snapshots WHERE run = 1 AND step = 20", "run 1 ended and was not evaluated at its last step"),
        ("DELETE FROM snapshots WHERE run = 6 AND step = 20", ""),
        ("UPDATE runs SET status = 'done' WHERE id = 1", "CHECK constraint failed"),
        ("UPDATE runs SET command = 'rnn' || char(0, 0) WHERE id = 1", r"run 1: command is 'rnn\x00\x00', which was"),
        ("DROP TABLE probes", "the table probes has no batch, flow"),
        ("ALTER TABLE snapshots DROP COLUMN measures", "the table snapshots has no measures"),
        ("DROP INDEX runs_key", ""),
    ],
)
def test_check_lists_what_is_wrong(command, store, statement, said):
    edit(store, statement)
    code, out, err = command("runs", "check", "--store", store)
    if said:
        assert (code, err) == (1, "")
        assert said in out
    else:
        assert code == 0


def test_check_on_a_sound_store_is_one_line(command, store):
    assert command("runs", "check", "--store", store) == (0, f"{store} is sound: 7 runs with 21 evaluations\n", "")


PAGE = 4096


def pages(path):
    """How many pages a file has, but for the first, which says what it is."""
    return range(1, path.stat().st_size // PAGE)


@pytest.mark.parametrize("rubbish", [b"\xff", b"\x00", b"a"])
def test_wherever_a_page_was_overwritten_check_finds_it_and_no_command_falls_over(command, tmp_path, rubbish):
    """Inner and outer pages of tables and of the index, and pages of a text that is too long for one."""
    store = fill(tmp_path / "rnngrad.db", *(a_run(seed=k, key=f"{k:064}", command="x" * 150 * k) for k in range(40)))
    sound, other = store.read_bytes(), fill(tmp_path / "other.db", a_run(seed=77))
    theirs = dump(other)
    assert len(pages(store)) > 40
    for page in pages(store):
        damaged = bytearray(sound)
        damaged[page * PAGE : (page + 1) * PAGE] = rubbish * PAGE
        store.write_bytes(damaged)
        code, out, err = command("runs", "check", "--store", store)
        assert (code, bool(out), err) == (1, True, ""), page
        for words in (["runs"], ["runs", "show", "3"], ["runs", "export", tmp_path / "x.csv"]):
            code, out, err = command(*words, "--store", store)
            assert (code, err) == (0, "") or (code in (1, 2) and err.count("\n") == 1 and "restore" in err), err
        is_one_line(command("runs", "merge", store, "--store", other), 2, "nothing merged")
        assert store.read_bytes() == bytes(damaged)
    assert dump(other) == theirs


@pytest.mark.parametrize("size", [50, PAGE, 3 * PAGE + 100])
def test_a_file_that_was_cut_is_one_line(command, store, size):
    store.write_bytes(store.read_bytes()[:size])
    for words in (["runs"], ["runs", "show", "3"]):
        is_one_line(command(*words, "--store", store), 2, "name another file|the file is damaged: restore a copy")


def test_a_fault_names_the_store_and_says_what_to_do(tmp_path):
    path = tmp_path / "rnngrad.db"
    path.write_text("this is a diary and no database", encoding="utf-8")
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.Error, match=f"{path}.*name another file"),
        named(path),
    ):
        db.execute("SELECT * FROM runs")
