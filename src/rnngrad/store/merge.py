"""Stores into one: what two of them know of the same run is there once."""

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from .declared import columns
from .store import ENDED, Store


@dataclass(frozen=True)
class Kind:
    """A table to merge, and the tables of its parts, whose column ``owner`` says what row they are of.

    ``same``: the columns that do not change while a run goes on; rows without ``key`` are the same if these are.
    Of the same two, the one that ended is kept, else the one with more ``progress``, in SQL.
    """

    table: str
    parts: Sequence[str]
    owner: str
    same: Sequence[str]
    progress: str


CHOSEN = ("task", "problem", "protocol", "lag", "length", "cell", "init", "hidden", "lr", "seed", "card")
MADE = ("created_at", "command", "device", "versions")
REACHED = "(SELECT coalesce(max(step), -1) FROM snapshots WHERE run = id)"
RUNS = Kind("runs", ("snapshots", "probes"), "run", (*CHOSEN, "engine", *MADE), REACHED)
EXPERIMENTS = Kind(
    "experiments",
    ("portions", "measurements"),
    "experiment",
    ("name", "settings", *MADE),
    "(SELECT count(*) FROM measurements WHERE experiment = id)",
)


@dataclass
class Merged:
    """How many runs and experiments of another store were new, went further there, and were known already.

    ``without_weights`` counts those brought whose weights file was not beside the other store.
    """

    new: int = 0
    further: int = 0
    known: int = 0
    without_weights: int = 0


class Version(NamedTuple):
    """What a store knows of a run: its id there, and how far it is, ended ones last."""

    id: int
    rank: tuple[bool, float]


def merge(store: Store, others: Sequence[Store]) -> list[Merged]:
    """Brings everything of the others into the store, in one transaction, weights files and all.

    Doing it again changes nothing. Raises sqlite3.Error or OSError with the store as it was.
    """
    with ExitStack() as undo:
        with store.transaction():
            merging = [_Merging(store, other, undo) for other in others]
            counts = [each.run() for each in merging]
        undo.pop_all()
    for path in [path for each in merging for path in each.obsolete]:
        path.unlink(missing_ok=True)
    return counts


class _Merging:
    """One store on its way into another. ``obsolete``: weights of runs that were replaced."""

    def __init__(self, store: Store, other: Store, undo: ExitStack) -> None:
        self.store, self.other, self.undo = store, other, undo
        self.own, self.theirs = store.connection, other.connection
        self.counts = Merged()
        self.obsolete: list[Path] = []

    def run(self) -> Merged:
        self.theirs.execute("BEGIN")  # as it is now, whoever writes to it meanwhile
        try:
            for kind in (RUNS, EXPERIMENTS):
                if columns(self.theirs, kind.table):
                    self._merge(kind)
        finally:
            self.theirs.execute("ROLLBACK")
        return self.counts

    def _merge(self, kind: Kind) -> None:
        known = dict(_versions(self.own, kind))
        (free,) = self.own.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {kind.table}").fetchone()
        for identity, version in sorted(_versions(self.theirs, kind), key=lambda pair: pair[1].id):
            own = known.get(identity)
            if own and own.rank >= version.rank:
                self.counts.known += 1
                continue
            if own:
                self._drop(kind, own.id)
                self.counts.further += 1
            else:
                self.counts.new += 1
            self._bring(kind, version.id, free)
            free += 1

    def _drop(self, kind: Kind, row: int) -> None:
        if kind is RUNS and (weights := _weights(self.own, row)):
            self.obsolete.append(self.store.path.parent / weights)
        self.own.execute(f"DELETE FROM {kind.table} WHERE id = ?", [row])  # and its parts, by their foreign keys

    def _bring(self, kind: Kind, old: int, new: int) -> None:
        self._copy(kind.table, "id", old, new)
        for part in kind.parts:
            if columns(self.theirs, part):
                self._copy(part, kind.owner, old, new)
        if kind is RUNS and (weights := _weights(self.theirs, old)):
            self.own.execute("UPDATE runs SET weights = ? WHERE id = ?", [self._bring_weights(weights, new), new])

    def _copy(self, table: str, owner: str, old: int, new: int) -> None:
        """The rows whose column ``owner`` has the old number, with the new one."""
        rest = [name for name in columns(self.theirs, table) if name != owner]
        marks = ", ".join("?" * (1 + len(rest)))
        query = f"SELECT ?, {', '.join(rest)} FROM {table} WHERE {owner} = ?"
        with closing(self.theirs.execute(query, [new, old])) as rows:
            self.own.executemany(f"INSERT INTO {table} ({', '.join([owner, *rest])}) VALUES ({marks})", rows)

    def _bring_weights(self, name: str, run: int) -> str | None:
        """Copies the file under the run's new number; returns its name, None if it is not there."""
        source = self.other.path.parent / name
        if not source.is_file():
            self.counts.without_weights += 1
            return None
        target = self.store.path.parent / "weights" / f"run-{run}{source.suffix}"
        target.parent.mkdir(exist_ok=True)
        partial = target.with_suffix(".partial")
        self.undo.callback(target.unlink, missing_ok=True)
        self.undo.callback(partial.unlink, missing_ok=True)
        shutil.copyfile(source, partial)
        os.replace(partial, target)
        return f"{target.parent.name}/{target.name}"


def _versions(db: sqlite3.Connection, kind: Kind) -> Iterator[tuple[Hashable, Version]]:
    """What tells each row from the others, and how far it is.

    Rows without key that are alike in all that does not change are told apart by how far they are: the furthest of
    one store is compared with the furthest of the other, and so on, so that none is lost.
    """
    key = "key" if "key" in columns(db, kind.table) else "NULL"
    chosen = f"id, status IN {ENDED}, {kind.progress}, {key}, {', '.join(kind.same)}"
    query = f"SELECT {chosen} FROM {kind.table} ORDER BY 2 DESC, 3 DESC"
    alike: Counter[bytes] = Counter()
    with closing(db.execute(query)) as rows:
        for row, has_ended, progress, name, *same in rows:
            version = Version(row, (bool(has_ended), progress))
            if name is not None:
                yield name, version
                continue
            content = sha256(repr(same).encode()).digest()
            alike[content] += 1
            yield (content, alike[content]), version


def _weights(db: sqlite3.Connection, run: int) -> str | None:
    (name,) = db.execute("SELECT weights FROM runs WHERE id = ?", [run]).fetchone()
    return None if name is None else str(name)
