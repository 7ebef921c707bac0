"""``rnngrad sweep``: a task card over lags, cells, rates and seeds."""

from pathlib import Path
from typing import Any

import click

from .task import run
from .training import training_options


class Listed(click.ParamType[list[Any]]):
    """Numbers with commas between them."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "N,N,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        if isinstance(value, list):
            return value
        try:
            return [self.kind(part) for part in value.split(",")]
        except ValueError:
            kind = "whole numbers" if self.kind is int else "numbers"
            self.fail(f"{value!r} is no list of {kind} with commas between them", param, ctx)


@click.command()
@click.argument("name", metavar="CARD")
@click.option("--lags", type=Listed(int), default=[], help="Nominal lengths T, such as 50,100,200.")
@click.option("--lrs", type=Listed(float), default=[], help="Learning rates that every cell gets, such as 1e-3,1e-2.")
@training_options
def sweep(name: str, lags: list[int], lrs: list[float], out: Path, as_json: bool, **flags: Any) -> None:
    """Train a task card over lags, cells, learning rates and seeds.

    CARD is the name of a shipped card (see `rnngrad list tasks`) or the path of your own. Every evaluation is in the
    store, OUT/rnngrad.db, at once. A repeated command trains only what is missing and goes on where it was interrupted;
    more lags or seeds extend it.
    """
    run(name, lags, lrs, out, as_json, names=("lags", "lrs"), **flags)
