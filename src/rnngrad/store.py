"""The store: every run in one SQLite file, written at every evaluation, readable with any SQLite tool."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .errors import UsageError
from .measurement import Measurement

SCHEMA_VERSION = 2
APPLICATION = 0x726E6E67  # "rnng", by which SQLite files tell whose they are
SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    task TEXT NOT NULL, problem TEXT NOT NULL, protocol TEXT NOT NULL,
    lag INTEGER NOT NULL, length INTEGER NOT NULL, minimal_lag INTEGER NOT NULL,
    cell TEXT NOT NULL, init TEXT NOT NULL, hidden INTEGER NOT NULL, parameters INTEGER NOT NULL, lr REAL NOT NULL,
    seed INTEGER NOT NULL,
    device TEXT NOT NULL, engine TEXT NOT NULL, versions TEXT NOT NULL, command TEXT NOT NULL,
    card TEXT NOT NULL, baselines TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'diverged', 'interrupted')),
    steps INTEGER NOT NULL, solved INTEGER NOT NULL, held INTEGER, steps_to_solve INTEGER, diverged_at INTEGER,
    test_loss REAL, scores TEXT NOT NULL,
    grad_first_over_last_init REAL, grad_first_over_last_end REAL, horizon INTEGER,
    seconds REAL NOT NULL, weights TEXT
);
CREATE TABLE snapshots (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    train_loss REAL, test_loss REAL, scores TEXT NOT NULL,
    grad_first_over_last REAL, horizon INTEGER, flow TEXT NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
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
EXPERIMENTS = (
    """
CREATE TABLE IF NOT EXISTS experiments (
    id INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL, settings TEXT NOT NULL,
    device TEXT NOT NULL, versions TEXT NOT NULL, command TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted')),
    seconds REAL NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS measurements (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    quantity TEXT NOT NULL, value REAL,
    seed INTEGER, hidden_layers INTEGER, epoch INTEGER, layer INTEGER, variant TEXT NOT NULL, x REAL
)
""",
)
"""Made when the first experiment is written: a store without one has no such tables."""
JSON_COLUMNS = ("versions", "card", "baselines", "scores", "flow", "settings")

Row = dict[str, Any]


class Store:
    """Runs and their snapshots. Gradients are natural logs of the whole state's first-over-last ratio.

    A run's row holds its resolved card and its outcome so far, a snapshot's row one evaluation, a probe's row the flow
    at an update in between; an experiment has a row of its own, and its numbers in a long table. What is in the store
    after a crash is everything up to the last committed evaluation.
    """

    def __init__(self, path: Path, create: bool = True) -> None:
        """Opens the file, creating it if it is new. Raises UsageError if it is no store, or of a newer version."""
        if not create and not path.is_file():
            raise UsageError(f"no store at {path}: run a task first, or name one with --store")
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        except sqlite3.Error as error:
            raise UsageError(f"cannot open the store {path}: {error}") from None
        try:
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA foreign_keys = ON")
            self._prepare(path, create)
        except sqlite3.Error as error:
            self.close()
            raise UsageError(f"cannot open the store {path}: {error}") from None
        except UsageError:
            self.close()
            raise

    def _prepare(self, path: Path, create: bool) -> None:
        if create and self._pragma("application_id") == 0:
            self._make()
        elif create and self._pragma("application_id") == APPLICATION:
            self._upgrade()
        application, version = (self._pragma(name) for name in ("application_id", "user_version"))
        if application == APPLICATION and version > SCHEMA_VERSION:
            raise UsageError(f"the store {path} is of version {version}, made by a newer rnngrad: upgrade to read it")
        if application != APPLICATION:
            raise UsageError(f"{path} is an SQLite file but no rnngrad store: name another file")

    def _make(self) -> None:
        """Tables and stamp of a new store, once, also where two commands start on it together."""
        self._db.execute("BEGIN IMMEDIATE")
        empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if empty:
            for statement in [*SCHEMA.split(";"), PROBES]:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")
        if empty:
            self._db.execute("PRAGMA journal_mode = WAL")

    def _upgrade(self) -> None:
        """What version 1 has not. A store that is only read is left as it is."""
        self._db.execute("BEGIN IMMEDIATE")
        if self._pragma("user_version") == 1:
            self._db.execute(PROBES)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add_run(self, row: Mapping[str, Any]) -> int:
        """Inserts a run; returns its id."""
        return self._insert("runs", row)

    def add_snapshot(self, row: Mapping[str, Any]) -> None:
        """Inserts one evaluation of a run."""
        self._insert("snapshots", row)

    def add_probe(self, row: Mapping[str, Any]) -> None:
        """Inserts the flow at one update of a run."""
        self._insert("probes", row)

    def update_run(self, run: int, row: Mapping[str, Any]) -> None:
        """Changes some columns of a run."""
        self._update("runs", run, row)

    def runs(self) -> list[Row]:
        """All runs, oldest first."""
        return self._select("SELECT * FROM runs ORDER BY id", [])

    def history(self, run: int) -> list[Row]:
        """A run's evaluations in order, without the flow profiles."""
        query = "SELECT step, train_loss, test_loss, scores, grad_first_over_last, horizon FROM snapshots"
        return self._select(f"{query} WHERE run = ? ORDER BY step", [run])

    def gradients(self, run: int) -> list[Row]:
        """``step`` and ``grad_first_over_last`` of a run: at the updates that were probed, else at its evaluations."""
        query = "SELECT step, grad_first_over_last FROM {} WHERE run = ? ORDER BY step"
        probes = self._select(query.format("probes"), [run]) if self._pragma("user_version") > 1 else []
        return probes or self._select(query.format("snapshots"), [run])

    def flow(self, run: int) -> tuple[Row, Row] | None:
        """The flow profiles of a run's first and last evaluation that have one, each with its ``step``."""
        query = "SELECT step, flow FROM snapshots WHERE run = ? AND flow <> '{}' ORDER BY step"
        ends = [self._select(f"{query} {order} LIMIT 1", [run]) for order in ("ASC", "DESC")]
        return (ends[0][0], ends[1][0]) if ends[0] else None

    def add_experiment(self, row: Mapping[str, Any]) -> int:
        """Inserts an experiment; returns its id."""
        for statement in EXPERIMENTS:
            self._db.execute(statement)
        return self._insert("experiments", row)

    def add_measurements(self, experiment: int, rows: Sequence[Measurement]) -> None:
        """Inserts numbers of an experiment."""
        marks = ", ".join("?" * (1 + len(Measurement._fields)))
        names = ", ".join(("experiment", *Measurement._fields))
        values = [(experiment, *row) for row in rows]
        self._db.executemany(f"INSERT INTO measurements ({names}) VALUES ({marks})", values)

    def update_experiment(self, experiment: int, row: Mapping[str, Any]) -> None:
        """Changes some columns of an experiment."""
        self._update("experiments", experiment, row)

    def experiments(self) -> list[Row]:
        """All experiments, oldest first."""
        known = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'experiments'").fetchone()[0]
        return self._select("SELECT * FROM experiments ORDER BY id", []) if known else []

    def measurements(self, experiment: int) -> list[Measurement]:
        """All numbers of an experiment, in the order in which they were written."""
        query = f"SELECT {', '.join(Measurement._fields)} FROM measurements WHERE experiment = ? ORDER BY rowid"
        with closing(self._db.execute(query, [experiment])) as cursor:
            return [Measurement(*row) for row in cursor]

    def _update(self, table: str, key: int, row: Mapping[str, Any]) -> None:
        columns = ", ".join(f"{name} = ?" for name in row)
        self._db.execute(f"UPDATE {table} SET {columns} WHERE id = ?", [*_encoded(row), key])

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        marks = ", ".join("?" * len(row))
        cursor = self._db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", _encoded(row))
        return int(cursor.lastrowid or 0)

    def _select(self, query: str, values: Sequence[Any]) -> list[Row]:
        with closing(self._db.execute(query, values)) as cursor:
            return [_decoded(row) for row in cursor]


def _encoded(row: Mapping[str, Any]) -> list[Any]:
    return [json.dumps(value) if name in JSON_COLUMNS else value for name, value in row.items()]


def _decoded(row: sqlite3.Row) -> Row:
    return {name: json.loads(row[name]) if name in JSON_COLUMNS else row[name] for name in row.keys()}  # noqa: SIM118
