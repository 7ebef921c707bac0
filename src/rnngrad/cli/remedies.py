"""``rnngrad depth remedies``: what keeps a deep net's gradient alive, and which nets then train."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .. import data
from .depth import depth, options
from .experiments import run
from .training import where


@depth.command(name="remedies")
@click.option("--activation", "activations", multiple=True, metavar="NAME", help="Of the grid; may be repeated.")
@click.option("--init", "inits", multiple=True, metavar="NAME", help="Of the grid, with all remedies; may be repeated.")
@click.option("--depth", "depths", multiple=True, type=int, metavar="L", help="Hidden layers; may be repeated.")
@click.option("--width", type=click.IntRange(min=1), default=64, show_default=True, help="Units of a hidden layer.")
@click.option("--seeds", type=click.IntRange(1, 100), help="Seeds that are trained: 1, or 3 with --full.")
@click.option(
    "--full", is_flag=True, help="All crossed, LeakyReLU and 1/n_in too, eleven depths, three rates, three seeds."
)
@options(reads_digits=True, takes_workers=True)
def remedies(
    activations: Sequence[str],
    inits: Sequence[str],
    depths: Sequence[int],
    width: int,
    seeds: int | None,
    full: bool,
    file: Path | None,
    device: str,
    **how: Any,
) -> None:
    """Gradient and trainability of deep nets, by activation, initialisation and remedy.

    2 to 100 hidden layers; plain, with batch normalisation, with residual connections. About eight minutes on one core,
    half of that with --workers 2. Batch normalisation divides out the scale of the weights: unless initialisations are
    named, it is tried with two of them. Every net is in the store as soon as it is measured: a command that was ended
    early goes on where it was when it is repeated.
    """
    from ..depth import remedies as experiment

    recipes = experiment.grid(
        activations or (experiment.ALL_ACTIVATIONS if full else experiment.ACTIVATIONS),
        inits or (experiment.ALL_INITS if full else experiment.INITS),
        depths or (experiment.ALL_DEPTHS if full else experiment.DEPTHS),
        None if inits or full else experiment.NORMALISED_INITS,
    )
    rates = experiment.ALL_RATES if full else experiment.RATES
    protocol = experiment.Protocol(width, seeds or (3 if full else 1), rates)
    digits, chosen = data.digits(file), where(device, **how)
    jobs = experiment.jobs(recipes, protocol, digits, chosen)
    run("remedies", experiment.settings(recipes, protocol, digits), chosen, jobs, **how)
