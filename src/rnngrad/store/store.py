"""The store: every run in one SQLite file, written at every evaluation, readable with any SQLite tool."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..measurement import Measurement
from . import schema
from .claims import Claimed
from .faults import in_words
from .opening import connect

JSON_COLUMNS = ("versions", "card", "baselines", "scores", "flow", "measures", "settings")

PORTION = 500
ENDED = ("finished", "diverged")
"""The states of a run that came to its own end."""
SEEN = "iif(status = 'running' AND NOT claimed(key), 'interrupted', status) AS status"

Row = dict[str, Any]


class Store:
    """Runs and their snapshots. Gradients are natural logs of the whole state's first-over-last ratio.

    A run's row holds its resolved card and its outcome so far, a snapshot's row one evaluation, a probe's row the flow
    at an update in between; an experiment has a row of its own, and its numbers in a long table. What is in the store
    after a crash is everything up to the last committed evaluation.
    """

    def __init__(self, path: Path, create: bool = True) -> None:
        """Opens the file, creating it if it is new. Raises UsageError if it is no store, or of a newer version."""
        if path.is_dir():
            inside = ", ".join(str(file) for file in sorted(path.glob("*.db"))) or "in this one there is none"
            raise UsageError(f"{path} is a folder, and a store is a file that ends in .db: {inside}")
        if not create and not path.is_file():
            raise UsageError(f"no store at {path}: run a task first, or name one with --store")
        self.path = path
        self._claimed: Claimed | None = None
        try:
            self._db = connect(path, create)
        except sqlite3.Error as error:
            raise UsageError(f"cannot open the store {path}: {in_words(error)}") from None
        try:
            self._db.row_factory = sqlite3.Row
            self.version = schema.prepare(self._db, path, create)
        except sqlite3.Error as error:
            self.close()
            raise UsageError(f"cannot open the store {path}: {in_words(error)}") from None
        except UsageError:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """To the file, for what no method does."""
        return self._db

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
        if self._claimed:
            self._claimed.close()

    def see_claims(self) -> None:
        """From now on runs that are marked as running, and that no process computes, are read as interrupted.

        Their process was killed, and could not say so. The store is not changed, and cannot be through this object.
        """
        columns = [row["name"] for row in self._db.execute("SELECT name FROM pragma_table_info('runs')")]
        if "key" not in columns or self._claimed:
            return
        self._claimed = Claimed(self.path.resolve().parent)
        self._db.create_function("claimed", 1, self._claimed)
        chosen = ", ".join(SEEN if name == "status" else name for name in columns)
        self._db.execute(f"CREATE TEMP VIEW runs AS SELECT {chosen} FROM main.runs")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # on a full disk SQLite has rolled back by itself
                self._db.execute("ROLLBACK")
            raise

    def add_run(self, row: Mapping[str, Any]) -> int:
        """Inserts a run; returns its id."""
        return self._insert("runs", row)

    def add_snapshot(self, row: Mapping[str, Any]) -> None:
        """Inserts one evaluation of a run."""
        self._insert("snapshots", row)

    def add_probe(self, row: Mapping[str, Any]) -> None:
        """Inserts the flow at one update of a run."""
        self._insert("probes", row)

    def known(self, keys: Sequence[str]) -> dict[str, int]:
        """The ids of the runs of these keys that are in the store."""
        return {row["key"]: row["id"] for row in self._of_keys("SELECT key, id FROM runs", keys)}

    def outcomes(self, keys: Sequence[str]) -> list[Row]:
        """``key``, ``status`` and ``solved`` of the runs of these keys that are in the store."""
        return list(self._of_keys("SELECT key, status, solved FROM runs", keys))

    def ended(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose runs came to their own end."""
        return {row["key"] for row in self.outcomes(keys) if row["status"] in ENDED}

    def all_ended(self) -> set[str]:
        """The keys of all runs that came to their own end."""
        query = "SELECT key FROM runs WHERE key IS NOT NULL AND status IN (?, ?)"
        return {row["key"] for row in self._select(query, ENDED)} if self.version > 3 else set()

    def interrupt(self, keys: Sequence[str]) -> None:
        """Marks those of the runs that are marked as running."""
        with self.transaction():
            self._db.executemany(
                "UPDATE runs SET status = 'interrupted' WHERE status = 'running' AND key = ?", [(key,) for key in keys]
            )

    def rewind(self, run: int, step: int) -> None:
        """Forgets the evaluations of a run after a step, and the probes that came after that evaluation."""
        self._db.execute("DELETE FROM snapshots WHERE run = ? AND step > ?", [run, step])
        self._db.execute("DELETE FROM probes WHERE run = ? AND step >= ?", [run, step])

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
        probes = self._select(query.format("probes"), [run]) if self.version > 1 else []
        return probes or self._select(query.format("snapshots"), [run])

    def measures(self, run: int) -> list[Row]:
        """``step`` and ``measures`` of a run's evaluations that have them; none in a store of an older version."""
        if self.version < 3:
            return []
        query = "SELECT step, measures FROM snapshots WHERE run = ? AND measures <> '{}' ORDER BY step"
        return self._select(query, [run])

    def flow(self, run: int) -> tuple[Row, Row] | None:
        """The flow profiles of a run's first and last evaluation that have one, each with its ``step``."""
        query = "SELECT step, flow FROM snapshots WHERE run = ? AND flow <> '{}' ORDER BY step"
        ends = [self._select(f"{query} {order} LIMIT 1", [run]) for order in ("ASC", "DESC")]
        return (ends[0][0], ends[1][0]) if ends[0] else None

    def flow_steps(self, run: int) -> list[int]:
        """The steps at which a run has a flow profile, in order."""
        query = "SELECT step FROM snapshots WHERE run = ? AND flow <> '{}' ORDER BY step"
        return [row["step"] for row in self._select(query, [run])]

    def flows(self, run: int, steps: Sequence[int]) -> list[Row]:
        """The flow profiles of a run at some of its steps, each with its ``step``."""
        marks = ", ".join("?" * len(steps))
        query = f"SELECT step, flow FROM snapshots WHERE run = ? AND step IN ({marks}) ORDER BY step"
        return self._select(query, [run, *steps])

    def add_experiment(self, row: Mapping[str, Any]) -> int:
        """Inserts an experiment; returns its id."""
        return self._insert("experiments", row)

    def add_portion(
        self, experiment: int, place: int, key: str, numbers: Sequence[Measurement], reason: str | None = None
    ) -> None:
        """Inserts a portion of an experiment and its numbers, or why there are none, in place of what is there."""
        for table, column in (("portions", "place"), ("measurements", "portion")):
            self._db.execute(f"DELETE FROM {table} WHERE experiment = ? AND {column} = ?", [experiment, place])
        self._insert("portions", {"experiment": experiment, "place": place, "key": key, "reason": reason})
        names = ("experiment", "portion", *Measurement._fields)
        query = f"INSERT INTO measurements ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        self._db.executemany(query, [(experiment, place, *row) for row in numbers])

    def portions(self, experiment: int) -> dict[int, str]:
        """The keys of an experiment's portions that were measured or failed, by their places; none before version 5."""
        query = "SELECT place, key FROM portions WHERE experiment = ? ORDER BY place"
        return {row["place"]: row["key"] for row in self._select(query, [experiment])} if self.version > 4 else {}

    def measured(self, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Of those of the keys that some experiment has measured, that experiment and the place in it."""
        found = self._of_keys("SELECT key, experiment, place, reason FROM portions", keys)
        return {row["key"]: (row["experiment"], row["place"]) for row in found if row["reason"] is None}

    def update_experiment(self, experiment: int, row: Mapping[str, Any]) -> None:
        """Changes some columns of an experiment."""
        self._update("experiments", experiment, row)

    def experiments(self) -> list[Row]:
        """All experiments, oldest first."""
        known = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'experiments'").fetchone()[0]
        return self._select("SELECT * FROM experiments ORDER BY id", []) if known else []

    def measurements(self, experiment: int, portion: int | None = None) -> list[Measurement]:
        """All numbers of an experiment or of one of its portions, in the order of the portions."""
        query = f"SELECT {', '.join(Measurement._fields)} FROM measurements WHERE experiment = ?"
        query += "" if portion is None else " AND portion = ?"
        order = "portion, rowid" if self.version > 4 else "rowid"
        values = [experiment] if portion is None else [experiment, portion]
        with closing(self._db.execute(f"{query} ORDER BY {order}", values)) as cursor:
            return [Measurement(*row) for row in cursor]

    def _of_keys(self, query: str, keys: Sequence[str]) -> Iterator[Row]:
        """The query's rows of these keys, a portion at a time: SQLite has a limit of parameters.

        A store of an older version, only read, knows none.
        """
        for start in range(0, len(keys) if self.version > 3 else 0, PORTION):
            some = keys[start : start + PORTION]
            yield from self._select(f"{query} WHERE key IN ({', '.join('?' * len(some))})", some)

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
    return {name: _loaded(row[name]) if name in JSON_COLUMNS else row[name] for name in row.keys()}  # noqa: SIM118


def _loaded(text: str) -> Any:
    """What most evaluations hold, nothing, needs no parser: there are hundreds of thousands in a large store."""
    return {} if text == "{}" else json.loads(text)
