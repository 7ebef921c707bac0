"""``rnngrad depth``: the feed-forward analysis, one subcommand per experiment."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from .. import data
from .experiments import run
from .named import NamedGroup
from .shared import choose_device, json_option, single_thread_option
from .training import WORKER_OPTIONS, where

Options = Callable[[Callable[..., None]], Callable[..., None]]


@click.group(cls=NamedGroup)
def depth() -> None:
    """The feed-forward analysis: depth in place of time."""


def options(seeds: tuple[int, int] | None = None, reads_digits: bool = False, takes_workers: bool = False) -> Options:
    """What the subcommands share; ``seeds``: how many by default and at most, where there are any."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        chosen = [
            single_thread_option,
            click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
            *(WORKER_OPTIONS if takes_workers else ()),
            click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True),
            json_option,
            click.option("--quiet", is_flag=True, help="No progress on stderr."),
        ]
        if reads_digits:
            help_ = "Your own MNIST, npz or IDX, instead of the 1,000 digits that ship here."
            chosen.insert(0, click.option("--data", "file", type=click.Path(path_type=Path), help=help_))
        if seeds is not None:
            count = click.IntRange(1, seeds[1])
            chosen.insert(0, click.option("--seeds", type=count, default=seeds[0], show_default=True))
        for option in reversed(chosen):
            function = option(function)
        return function

    return decorate


@depth.command(name="nielsen")
@options(seeds=(30, 10_000), reads_digits=True, takes_workers=True)
def nielsen(seeds: int, file: Path | None, device: str, **how: Any) -> None:
    """Nielsen's chapter 5: bias gradients of sigmoid nets, in many seeds, beside what he published.

    SEEDS nets of each depth are trained, 500 full-batch steps; at initialisation there are at least 200. Every 30 of
    them are in the store as soon as they are measured: a repeated command measures only what is missing.
    """
    from ..depth import nielsen as experiment

    digits, chosen = data.digits(file), where(device, **how)
    run("nielsen", {"seeds": seeds, **_source(file)}, chosen, experiment.jobs(digits, range(seeds), chosen), **how)


@depth.command(name="glorot")
@options(seeds=(5, 1_000), reads_digits=True, takes_workers=True)
def glorot(seeds: int, file: Path | None, device: str, **how: Any) -> None:
    """Glorot & Bengio: Jacobians, gradients and weight gradients of tanh nets, standard and normalised weights."""
    from ..depth import glorot as experiment

    digits, chosen = data.digits(file), where(device, **how)
    run("glorot", {"seeds": seeds, **_source(file)}, chosen, experiment.jobs(digits, range(seeds), chosen), **how)


@depth.command(name="chain")
@click.option("--factor", "factors", type=float, multiple=True, default=(0.9, 1.1), show_default=True)
@click.option("--depth", "layers", type=click.IntRange(2, 100_000), default=100, show_default=True, help="Layers.")
@options()
def chain(factors: Sequence[float], layers: int, device: str, **how: Any) -> None:
    """The linear chain W = a · I: activations and gradients are powers of a. --factor may be repeated."""
    from ..depth import chain as experiment

    chosen, factors = choose_device(device), list(dict.fromkeys(factors))
    run("chain", {"factors": factors, "depth": layers}, chosen, experiment.jobs(factors, layers, chosen), **how)


@depth.command(name="factors")
@options(seeds=(20, 200), reads_digits=True)
def factors(seeds: int, file: Path | None, device: str, **how: Any) -> None:
    """The factors |w σ'(z)| of logistic units: how large they are, when they exceed 1, and nets where all do."""
    from ..depth import factors as experiment

    digits, chosen = data.digits(file), choose_device(device)
    run("factors", {"seeds": seeds, **_source(file)}, chosen, experiment.jobs(digits, range(seeds), chosen), **how)


def _source(file: Path | None) -> dict[str, str]:
    """What the settings say of the data."""
    return {"data": "shipped" if file is None else str(file)}
