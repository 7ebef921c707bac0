"""What is wrong with a store, if anything."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from . import declared
from .faults import in_words
from .store import ENDED, Store

UNTRUE = {
    "is solved and has no step at which": "solved = 1 AND steps_to_solve IS NULL",
    "is unsolved and has a step at which": "solved = 0 AND steps_to_solve IS NOT NULL",
    "is neither solved nor unsolved": "solved NOT IN (0, 1)",
    "was solved later than it ran": "steps_to_solve > steps",
    "diverged and has no step at which": "status = 'diverged' AND diverged_at IS NULL",
    "has evaluations beyond its steps": "steps < (SELECT max(step) FROM snapshots WHERE run = id)",
    "ended and was not evaluated at its last step": (
        f"status IN {ENDED} AND steps <> (SELECT coalesce(max(step), 0) FROM snapshots WHERE run = id)"
    ),
}
"""What no run's row says, with the condition that finds it; a run that goes on from a checkpoint is behind its row."""


def faults(store: Store) -> Iterator[str]:
    """One line each: damage to the file, rows without their run, rows that no rnngrad wrote, runs that contradict."""
    for look in (_file, _ties, _rows, _contradictions):
        try:
            yield from look(store)
        except sqlite3.Error as error:
            yield f"cannot be read to its end: {in_words(error)}"
            return


def _file(store: Store) -> Iterator[str]:
    with closing(store.connection.execute("PRAGMA integrity_check")) as cursor:
        for (line,) in cursor:
            if line != "ok":
                yield " ".join(line.split())


def _ties(store: Store) -> Iterator[str]:
    query = 'SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2'
    for table, parent, count in store.connection.execute(query).fetchall():
        yield f"{table}: {count} rows belong to {parent} that are not there"


def _rows(store: Store) -> Iterator[str]:
    for table, known in declared.tables(store.version).items():
        present = declared.columns(store.connection, table)
        missing = known.keys() - present
        if missing and (present or table not in ("experiments", "measurements")):
            yield f"the table {table} has no {', '.join(sorted(missing))}"
        elif not missing:
            yield from _values(store, table)


def _values(store: Store, table: str) -> Iterator[str]:
    known = declared.tables(store.version)[table]
    query = f"SELECT {declared.LABELS[table]}, {', '.join(known)} FROM {table}"
    with closing(store.connection.execute(query)) as cursor:
        for label, *row in cursor:
            for (name, column), value in zip(known.items(), row, strict=True):
                if fault := column.fault(value):
                    yield f"{label}: {name} {fault}"


def _contradictions(store: Store) -> Iterator[str]:
    for words, condition in UNTRUE.items():
        for (run,) in store.connection.execute(f"SELECT id FROM runs WHERE {condition} ORDER BY id").fetchall():
            yield f"run {run} {words}"
