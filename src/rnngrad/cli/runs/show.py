"""``rnngrad runs show``: one run whole."""

from pathlib import Path
from typing import Any

import click

from ...errors import UsageError
from ...store import Row, Store, declared
from ...store.rows import read
from ...store.schema import SCHEMA_VERSION
from ..shared import json_line, json_option
from . import words
from .group import looked_at, runs, store_option

COLUMNS = list(declared.tables(SCHEMA_VERSION)["runs"])
HISTORY = ("step", "train_loss", "test_loss", "scores", "grad_first_over_last", "horizon")


class RunId(click.IntRange):
    """A number that a run of a store may have."""

    def __init__(self) -> None:
        super().__init__(1, 2**63 - 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no run's id: give a number from the first column of `rnngrad runs`", param, ctx)


@runs.command()
@click.argument("run", metavar="ID", type=RunId())
@store_option
@json_option
def show(run: int, path: Path, as_json: bool) -> None:
    """One run whole: outcome, command, versions, resolved card, and every evaluation."""
    with looked_at(path) as store:
        row = _found(store, run)
        history = list(read(store, "snapshots", HISTORY, "WHERE run = ? ORDER BY step", [run]))
    if as_json:
        click.echo(json_line(words.event(row) | {"history": history}))
        return
    lines = [(name, words.printable(text)) for name, text in words.fields(words.event(row) | words.interrupted(row))]
    width = max(len(name) for name, _ in lines)
    click.echo("\n".join(f"{name:<{width}}  {text}" for name, text in lines))
    if history:
        click.echo(f"\n{words.aligned(_table(history))}")


def _found(store: Store, run: int) -> Row:
    rows = list(read(store, "runs", COLUMNS, "WHERE id = ?", [run]))
    if not rows:
        first, last, count = store.connection.execute("SELECT min(id), max(id), count(*) FROM runs").fetchone()
        there = f"{count} runs, ids {first} to {last}" if count else "no runs"
        raise UsageError(f"no run {run}: the store {store.path} has {there}")
    return rows[0]


def _table(history: list[Row]) -> list[list[str]]:
    scores = list(dict.fromkeys(name for row in history for name in row["scores"]))
    headings = ["step", "train loss", "test loss", *scores, "ln first/last gradient", "horizon (1 %)"]
    lines = [
        [
            f"{row['step']:,}",
            *(words.number(row[name], 4) for name in ("train_loss", "test_loss")),
            *(words.number(row["scores"].get(name), 4) for name in scores),
            words.number(row["grad_first_over_last"], 4),
            "–" if row["horizon"] is None else str(row["horizon"]),
        ]
        for row in history
    ]
    return [headings, *lines]
