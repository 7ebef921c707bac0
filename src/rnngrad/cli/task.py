"""``rnngrad task``: train the cells of a card and measure their gradient flow."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from .. import cards
from ..store import Store
from ..study import Claims
from ..summary import comparisons
from .dry_run import print_plan
from .presentation import present, present_swept, print_runs, swept_of
from .training import grid_of, open_store, planned, room_for, train, training_options


@click.command()
@click.argument("name", metavar="TASK")
@click.option("--lag", type=int, help="Nominal length T of the task.")
@click.option("--lr", type=float, help="Learning rate of every cell, instead of each one's tuned rate.")
@training_options
def task(name: str, lag: int | None, lr: float | None, out: Path, as_json: bool, **flags: Any) -> None:
    """Train the cells of a task card and measure their gradient flow.

    TASK is the name of a shipped card (see `rnngrad list tasks`) or the path of your own, which ends in .toml.
    Flags override the card. Every evaluation is in the store, OUT/rnngrad.db, at once: a repeated command trains only
    what is missing, and goes on where it was interrupted.
    """
    run(name, [lag] if lag is not None else [], [lr] if lr is not None else [], out, as_json, **flags)


def run(name: str, lags: list[int], rates: list[float], out: Path, as_json: bool, **flags: Any) -> None:
    """A grid of one card, from the command line to the last figure; for ``flags`` see :func:`.training.grid_of`."""
    jobs = grid_of(cards.load(name), lags, rates, **flags).jobs()
    room = room_for(jobs, **flags)
    if flags["dry_run"]:
        print_plan(jobs, out, room, as_json, **flags)
        return
    failures: list[str] = []
    with closing(open_store(out)) as store, closing(Claims(out)) as claims:
        try:
            failures = train(planned(jobs, store, claims, out, room, **flags), store, out, **flags)
        finally:
            ids = set(store.known([key for job in jobs for key in job.keys]).values())
            if ids:
                show(store, ids, out, as_json)
    if failures:
        what = "a job failed" if len(failures) == 1 else f"{len(failures)} jobs failed, the first of them"
        click.echo(f"rnngrad: {what}: {failures[0]}", err=True)
        raise click.exceptions.Exit(1)


def show(store: Store, ids: set[int], out: Path, as_json: bool) -> None:
    """Runs at one lag in full; of several lags what they come to, since the report has the rest."""
    found = comparisons(store.runs(), ids)
    swept = swept_of(found)
    if not swept:
        present(found, store, out, as_json)
        return
    if as_json:
        print_runs(found)
    present_swept(swept, store, out, as_json)
    if not as_json:
        click.echo(f"each lag's own tables and figures, and a page: rnngrad report --store {store.path} --out report")
