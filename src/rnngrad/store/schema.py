"""The tables of the store, and how an older store gets what it has not."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from ..errors import UsageError

SCHEMA_VERSION = 5
APPLICATION = 0x726E6E67  # "rnng", by which SQLite files tell whose they are
RUNS = """
CREATE TABLE {name} (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    task TEXT NOT NULL, problem TEXT NOT NULL, protocol TEXT NOT NULL,
    lag INTEGER NOT NULL, length INTEGER NOT NULL, minimal_lag INTEGER NOT NULL,
    cell TEXT NOT NULL, init TEXT NOT NULL, hidden INTEGER NOT NULL, parameters INTEGER NOT NULL, lr REAL NOT NULL,
    seed INTEGER NOT NULL,
    device TEXT NOT NULL, engine TEXT NOT NULL, versions TEXT NOT NULL, command TEXT NOT NULL,
    card TEXT NOT NULL, baselines TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ({statuses})),
    steps INTEGER NOT NULL, solved INTEGER NOT NULL, held INTEGER, steps_to_solve INTEGER, diverged_at INTEGER,
    test_loss REAL, scores TEXT NOT NULL,
    grad_first_over_last_init REAL, grad_first_over_last_end REAL, horizon INTEGER,
    seconds REAL NOT NULL, weights TEXT{more}
)
"""
SNAPSHOTS = """
CREATE TABLE snapshots (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    train_loss REAL, test_loss REAL, scores TEXT NOT NULL,
    grad_first_over_last REAL, horizon INTEGER, flow TEXT NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID
"""
PROBES = """
CREATE TABLE probes (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    batch TEXT NOT NULL CHECK (batch IN ('training', 'probe')),
    grad_first_over_last REAL, horizon INTEGER, flow TEXT NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID
"""
MEASURES = "ALTER TABLE snapshots ADD COLUMN measures TEXT NOT NULL DEFAULT '{}'"
EXPERIMENT = """
CREATE TABLE IF NOT EXISTS experiments (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL, settings TEXT NOT NULL,
    device TEXT NOT NULL, versions TEXT NOT NULL, command TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted')),
    seconds REAL NOT NULL
)
"""
MEASUREMENTS = """
CREATE TABLE IF NOT EXISTS {name} (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    quantity TEXT NOT NULL, value REAL,
    seed INTEGER, hidden_layers INTEGER, epoch INTEGER, layer INTEGER, variant TEXT NOT NULL, x REAL{more}
)
"""
PORTIONS = """
CREATE TABLE IF NOT EXISTS portions (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    key TEXT NOT NULL, reason TEXT,
    PRIMARY KEY (experiment, place)
) WITHOUT ROWID
"""
EXPERIMENTS = (EXPERIMENT, MEASUREMENTS.format(name="measurements", more=""))
"""The tables that a store before version 5 had only if it had an experiment."""
NUMBERS = "quantity, value, seed, hidden_layers, epoch, layer, variant, x"
STATUSES = "'running', 'finished', 'diverged', 'interrupted'"
VERSIONS: dict[int, tuple[str, ...]] = {
    1: (RUNS.format(name="runs", statuses=STATUSES, more=""), SNAPSHOTS),
    2: (PROBES,),
    3: (MEASURES,),
    4: (
        RUNS.format(name="newer", statuses=f"{STATUSES}, 'failed'", more=",\n    key TEXT, reason TEXT"),
        "INSERT INTO newer SELECT *, NULL, NULL FROM runs",
        "DROP TABLE runs",
        "ALTER TABLE newer RENAME TO runs",
        "CREATE UNIQUE INDEX runs_key ON runs (key)",
    ),
    5: (
        *EXPERIMENTS,
        MEASUREMENTS.format(name="newer", more=", portion INTEGER"),
        f"INSERT INTO newer (experiment, {NUMBERS}) SELECT experiment, {NUMBERS} FROM measurements ORDER BY rowid",
        "DROP TABLE measurements",
        "ALTER TABLE newer RENAME TO measurements",
        "CREATE INDEX measurements_portion ON measurements (experiment, portion)",
        PORTIONS,
    ),
}
"""What each version has that the one before it has not; version 4 knows a run again by its ``key``, and failures.

Version 5 knows a portion of an experiment again by its ``key``; the portion of a measurement is its ``place``.
"""


def prepare(db: sqlite3.Connection, path: Path, create: bool) -> int:
    """The tables of a store that is to be written, made or brought up to date; returns the store's version.

    A store that is only read is left as it is. Raises UsageError if it is no store, or of a newer version.
    """
    application, version = pragma(db, "application_id"), pragma(db, "user_version")
    if create and (application == 0 or (application == APPLICATION and version < SCHEMA_VERSION)):
        _upgrade(db, application == 0)
        application, version = pragma(db, "application_id"), pragma(db, "user_version")
    if application == APPLICATION and version > SCHEMA_VERSION:
        raise UsageError(f"the store {path} is of version {version}, made by a newer rnngrad: upgrade to read it")
    if application != APPLICATION:
        raise UsageError(f"{path} is an SQLite file but no rnngrad store: name another file")
    db.execute("PRAGMA foreign_keys = ON")
    return version


def pragma(db: sqlite3.Connection, name: str) -> int:
    """A number that SQLite keeps of the file."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _upgrade(db: sqlite3.Connection, new: bool) -> None:
    """All that the file has not, or nothing; once, also where two commands start on it together.

    Foreign keys are off meanwhile, as they are when a file is opened: dropping the old table of runs would drop their
    snapshots too.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        if new and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.execute(f"PRAGMA application_id = {APPLICATION}")
        if pragma(db, "application_id") == APPLICATION:
            for version in range(pragma(db, "user_version") + 1, SCHEMA_VERSION + 1):
                for statement in VERSIONS[version]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # on a full disk SQLite has rolled back by itself
            db.execute("ROLLBACK")
        raise
    if new:
        with suppress(sqlite3.OperationalError):  # locked: another command makes the same store, and will switch it
            db.execute("PRAGMA journal_mode = WAL")
