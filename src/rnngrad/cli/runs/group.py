"""``rnngrad runs`` itself: the list, and the options that its subcommands share."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ...errors import UsageError
from ...store import Store, faults
from ...store.rows import read
from ...store.selection import Selection
from ..named import NamedGroup
from ..shared import json_line, json_option
from . import words

Command = Callable[..., None]

store_option = click.option(
    "--store", "path", type=click.Path(path_type=Path), default=Path("runs/rnngrad.db"), show_default=True
)


def selecting(command: Command) -> Command:
    """Adds the options that say which runs are meant."""
    options = (
        click.option("--task", "tasks", multiple=True, metavar="NAME", help="Of this task; may be repeated."),
        click.option("--cell", "cells", multiple=True, metavar="NAME[:INIT]", help="Of this cell; may be repeated."),
        click.option("--lag", "lags", multiple=True, type=int, help="Of this lag; may be repeated."),
        click.option(
            "--status", "statuses", multiple=True, metavar="WORD", help="Finished, failed, …; may be repeated."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def opened(path: Path, create: bool = False) -> Iterator[Store]:
    """The store, closed in the end; what befalls it names it."""
    store = Store(path, create)
    try:
        with faults.named(path):
            yield store
    finally:
        store.close()


@contextmanager
def looked_at(path: Path) -> Iterator[Store]:
    """The same, for reading alone: runs whose process was killed are interrupted."""
    with opened(path) as store:
        store.see_claims()
        yield store


def selection(store: Store, **wanted: Sequence[Any]) -> Selection:
    """Which runs the options mean. Raises UsageError for a value that no run of the store has."""
    chosen = Selection(**wanted)
    chosen.check(store)
    return chosen


@click.group(cls=NamedGroup, invoke_without_command=True)
@store_option
@selecting
@json_option
@click.pass_context
def runs(context: click.Context, /, path: Path, as_json: bool, **wanted: Sequence[Any]) -> None:
    """The runs in the store: list, filter, show, export, merge, check.

    Without a subcommand it lists the runs, newest last. On a terminal, more than 200 are summed up by task, lag, cell
    and rate; `rnngrad runs | less` shows each.
    """
    if context.invoked_subcommand is not None:
        _hand_on(context)
        return
    with looked_at(path) as store:
        chosen = selection(store, **wanted)
        rows = list(read(store, "runs", words.EVENT if as_json else words.LISTED, *chosen.query()))
        if as_json:
            text = "\n".join(json_line(words.event(row)) for row in rows)
        elif sys.stdout.isatty() and len(rows) > words.MANY:
            text = words.summed(rows)
        else:
            text = words.listed(rows)
    if rows:
        click.echo(text)
    if note := f"no runs to list in {path}" if not rows else words.note(rows) if not as_json else "":
        click.echo(note, err=True)


def _hand_on(context: click.Context) -> None:
    """Lets options stand before the subcommand, too. Raises UsageError for one that it does not have."""
    command = runs.commands[str(context.invoked_subcommand)]
    taken = {option.name for option in command.params}
    given = {
        option.name: option.opts[0]
        for option in runs.params
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    }
    for name, flag in given.items():
        if name not in taken:
            raise UsageError(f"'{flag}' does not go with `rnngrad runs {command.name}`")
    context.default_map = {str(command.name): {name: context.params[name] for name in given}}
