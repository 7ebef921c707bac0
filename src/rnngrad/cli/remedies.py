"""``rnngrad depth remedies``: what keeps a deep net's gradient alive, and which nets then train."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .. import data
from ..experiment import Experiment, resumable
from ..progress import Percent
from ..store import Store
from .depth import depth, options
from .presentation import present_found
from .shared import choose_device, writable


@depth.command(name="remedies")
@click.option("--activation", "activations", multiple=True, metavar="NAME", help="Of the grid; may be repeated.")
@click.option("--init", "inits", multiple=True, metavar="NAME", help="Of the grid; may be repeated.")
@click.option("--depth", "depths", multiple=True, type=int, metavar="L", help="Hidden layers; may be repeated.")
@click.option("--width", type=click.IntRange(min=1), default=64, show_default=True, help="Units of a hidden layer.")
@click.option("--seeds", type=click.IntRange(1, 100), help="Seeds that are trained: 1, or 3 with --full.")
@click.option("--full", is_flag=True, help="LeakyReLU and 1/n_in too, eleven depths, three rates, three seeds.")
@options(reads_digits=True)
def remedies(
    activations: Sequence[str],
    inits: Sequence[str],
    depths: Sequence[int],
    width: int,
    seeds: int | None,
    full: bool,
    file: Path | None,
    device: str,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Gradient and trainability of deep nets, by activation, initialisation and remedy.

    2 to 100 hidden layers; plain, with batch normalisation, with residual connections. Under ten minutes on two cores.
    Every net is in the store as soon as it is measured: a command that was ended early goes on where it was when it is
    repeated.
    """
    from ..depth import remedies as experiment

    recipes = experiment.grid(
        activations or (experiment.ALL_ACTIVATIONS if full else experiment.ACTIVATIONS),
        inits or (experiment.ALL_INITS if full else experiment.INITS),
        depths or (experiment.ALL_DEPTHS if full else experiment.DEPTHS),
    )
    rates = experiment.ALL_RATES if full else experiment.RATES
    protocol = experiment.Protocol(width, seeds or (3 if full else 1), rates)
    digits, chosen = data.digits(file), choose_device(device)
    settings = experiment.settings(recipes, protocol, digits)
    store = Store(writable(out) / "rnngrad.db")
    try:
        earlier = resumable(store, "remedies", settings)
        known = {(n.variant, n.hidden_layers) for n in store.measurements(earlier)} if earlier else set()
        numbers = experiment.measure(recipes, known, protocol, digits, chosen)
        typed = shlex.join(["rnngrad", *sys.argv[1:]])
        work = Experiment("remedies", settings, chosen, typed, numbers, earlier)
        key = _record(work, store, len(known), len(recipes), quiet)
        present_found(store, out, as_json, only=key)
    finally:
        store.close()


def _record(work: Experiment, store: Store, known: int, nets: int, quiet: bool) -> int:
    """Measures what is missing; returns the experiment's id."""
    if known and not quiet:
        click.echo(f"{known} of {nets} nets are in the store already", err=True)
    with Percent("depth remedies", nets, quiet) as progress:
        return work.record(store, progress.advance)
