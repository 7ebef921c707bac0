"""What the tables of a store are to hold, by its version."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from typing import Any, NamedTuple

from . import schema
from .store import JSON_COLUMNS

LABELS = {
    "runs": "'run ' || id",
    "snapshots": "'snapshot of run ' || run || ' at step ' || step",
    "probes": "'probe of run ' || run || ' at step ' || step",
    "experiments": "'experiment ' || id",
    "measurements": "'measurement of experiment ' || experiment",
    "portions": "'portion ' || place || ' of experiment ' || experiment",
}
"""What to call a row, as an expression in SQL, by table."""
PYTHON: dict[str, type[Any]] = {"INTEGER": int, "REAL": float, "TEXT": str}
WORDS = {"INTEGER": "a whole number", "REAL": "a number", "TEXT": "text"}


class Column(NamedTuple):
    """What a column holds: SQLite's type, whether it may be NULL, whether the text is a JSON object."""

    kind: str
    nullable: bool
    is_json: bool

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value as SQLite gives it; None if nothing is."""
        if value is None:
            return None if self.nullable else "is missing"
        if not isinstance(value, PYTHON[self.kind]):
            return f"is {_short(value)}, not {WORDS[self.kind]}"
        if self.kind == "TEXT" and "\0" in value:
            return f"is {_short(value)}, which was overwritten"
        return None if not self.is_json or _is_object(value) else f"is {_short(value)}, not a JSON object"


@cache
def tables(version: int) -> Mapping[str, Mapping[str, Column]]:
    """The columns by name, of every table of that version; the experiments' too, which not every store has."""
    with closing(sqlite3.connect(":memory:")) as db:
        for number in range(1, version + 1):
            for statement in schema.VERSIONS[number]:
                db.execute(statement)
        for statement in schema.EXPERIMENTS:
            db.execute(statement)
        return {table: _columns(db, table) for table in LABELS if columns(db, table)}


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    """The columns that a table has in a file; none if there is no such table."""
    return [name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall()]


def _columns(db: sqlite3.Connection, table: str) -> dict[str, Column]:
    query = 'SELECT name, type, NOT "notnull" AND NOT pk FROM pragma_table_info(?)'
    return {name: Column(kind, bool(null), name in JSON_COLUMNS) for name, kind, null in db.execute(query, [table])}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
