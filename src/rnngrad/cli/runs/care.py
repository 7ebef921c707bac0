"""``rnngrad runs merge`` and ``rnngrad runs check``: what keeps a store whole."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from ...errors import UsageError
from ...store import Store
from ...store.check import faults
from ...store.merge import Merged, merge
from ..shared import writable
from .group import opened, runs, store_option


@runs.command(name="merge")
@click.argument("others", metavar="OTHER.db…", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
def merge_(others: Sequence[Path], path: Path) -> None:
    """Bring the runs and experiments of other stores into --store, with their weights.

    What both know is kept once: the run that ended, else the one that is further. All or nothing; doing it again
    changes nothing, and the other stores stay as they are.
    """
    with ExitStack() as stack:
        theirs = [stack.enter_context(opened(other)) for other in others]
        for store in theirs:
            _refuse_faults(store)
        writable(path.parent)
        counts = merge(stack.enter_context(opened(path, create=True)), theirs)
    for other, merged in zip(others, counts, strict=True):
        click.echo(f"{other}: {_words(merged)}")


@runs.command()
@store_option
@click.pass_context
def check(context: click.Context, path: Path) -> None:
    """Is the store sound? File, ties between rows, types, JSON, and runs that contradict themselves.

    Exit 1 and a line for everything that is wrong, else one line.
    """
    with opened(path) as store:
        wrong = 0
        for wrong, fault in enumerate(faults(store), 1):  # noqa: B007  # read below
            click.echo(fault)
        if wrong:
            context.exit(1)
        query = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM snapshots)"
        count, evaluations = store.connection.execute(query).fetchone()
    click.echo(f"{path} is sound: {count:,} runs with {evaluations:,} evaluations")


def _refuse_faults(other: Store) -> None:
    """Raises UsageError: what is wrong there must not come here."""
    first = next(faults(other), None)
    if first is not None:
        raise UsageError(
            f"nothing merged: the store {other.path} is not sound ({first}): `rnngrad runs check --store {other.path}` "
            "lists all that is wrong"
        )


def _words(merged: Merged) -> str:
    text = f"{merged.new:,} new, {merged.further:,} further than here, {merged.known:,} known"
    missing = merged.without_weights
    return f"{text}; {missing:,} came without weights, which are not beside that store" if missing else text
