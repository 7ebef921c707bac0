"""Rows of a store, some columns of them, each looked at before it is handed on."""

import json
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from ..errors import UsageError
from . import declared
from .store import Row, Store


def read(
    store: Store, table: str, columns: Sequence[str], rest: str = "", values: Sequence[Any] = ()
) -> Generator[Row, None, None]:
    """The rows of a table with these columns, JSON decoded; what the store's version has not is None.

    ``rest``: the query behind the table's name, with ``values`` for its question marks. Raises UsageError that names
    row and column where something stands that no rnngrad wrote.
    """
    known = declared.tables(store.version)[table]
    chosen = ", ".join(name if name in known else f"NULL AS {name}" for name in columns)
    query = f"SELECT {declared.LABELS[table]}, {chosen} FROM {table} {rest}"
    own = {name: known[name] for name in columns if name in known}
    with closing(store.connection.execute(query, values)) as cursor:
        for label, *row in cursor:
            found = dict(zip(columns, row, strict=True))
            for name, column in own.items():
                if fault := column.fault(found[name]):
                    raise _corrupt(store, label, f"{name} {fault}")
                if column.is_json:
                    found[name] = json.loads(found[name])
            yield found


def _corrupt(store: Store, label: str, fault: str) -> UsageError:
    return UsageError(
        f"the store {store.path} has a row that no rnngrad wrote ({label}: {fault}): "
        "restore a copy, or mend what `rnngrad runs check` lists"
    )
