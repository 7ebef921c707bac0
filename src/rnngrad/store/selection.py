"""Which of the stored runs are meant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError, unknown
from .store import Store

STATUSES = ("running", "finished", "diverged", "interrupted", "failed")
"""What a run can have come to."""


@dataclass(frozen=True)
class Selection:
    """The runs that have one of these values each; where none is given, any. A cell is NAME or NAME:INIT."""

    tasks: Sequence[str] = ()
    cells: Sequence[str] = ()
    lags: Sequence[int] = ()
    statuses: Sequence[str] = ()

    def query(self) -> tuple[str, list[str | int]]:
        """The end of a query on runs, oldest first, and the values of its question marks."""
        terms: list[tuple[str, Sequence[str | int]]] = [
            (_among("task", self.tasks), self.tasks),
            (f"({_among('cell', self.cells)} OR {_among(LABEL, self.cells)})", [*self.cells, *self.cells]),
            (_among("lag", self.lags), self.lags),
            (_among("status", self.statuses), self.statuses),
        ]
        given = [(term, values) for term, values in terms if values]
        where = " AND ".join(term for term, _ in given)
        return f"{'WHERE' if where else ''} {where} ORDER BY id", [value for _, values in given for value in values]

    def check(self, store: Store) -> None:
        """Raises UsageError, with the nearest and with all that there is, for what no run of the store has."""
        if self != Selection() and not _distinct(store, "count(*)")[0]:
            raise UsageError(f"the store {store.path} has no runs")
        _known("status", self.statuses, STATUSES)
        for kind, column, wanted in (("task", "task", self.tasks), ("lag", "lag", self.lags)):
            _known(f"stored {kind}", wanted, _distinct(store, column) if wanted else [])
        if self.cells:
            _known("stored cell", self.cells, [*_distinct(store, "cell"), *_distinct(store, LABEL)])


LABEL = "cell || ':' || init"


def _among(column: str, values: Sequence[str | int]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def _distinct(store: Store, column: str) -> list[str | int]:
    return [value for (value,) in store.connection.execute(f"SELECT DISTINCT {column} FROM runs ORDER BY 1")]


def _known(kind: str, wanted: Iterable[str | int], known: Iterable[str | int]) -> None:
    names = list(map(str, known))
    for name in map(str, wanted):
        if name not in names:
            raise unknown(kind, name, names)
