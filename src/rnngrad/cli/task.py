"""``rnngrad task``: train the cells of a card and measure their gradient flow."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import cards, study
from ..cards import Card, CellSpec, override
from ..engine import ENGINES, cpu
from ..ensemble import Ensemble
from ..errors import UsageError
from ..flow import FORMS
from ..progress import Progress
from ..store import Store
from ..summary import comparisons
from .presentation import present
from .shared import choose_device, json_option, prepare_kernels, threads_option, wrapped, writable

LARGEST_SEED = 2**62  # the store's integers have 63 bits


@click.command()
@click.argument("name", metavar="TASK")
@click.option("--lag", type=int, help="Nominal length T of the task.")
@click.option("--cell", "cell_names", multiple=True, metavar="NAME[:INIT]", help="Cell to train; may be repeated.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many seeds each cell gets."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option("--hidden", type=int, help="Hidden width of every cell.")
@click.option("--batch", type=int, help="Sequences per update.")
@click.option("--lr", type=float, help="Learning rate of every cell, instead of each one's tuned rate.")
@click.option("--steps", type=int, help="Budget: updates after which an unsolved run ends.")
@click.option("--omega", type=float, metavar="STRENGTH", help="Pascanu's regulariser in the loss; 0 is none.")
@click.option("--omega-form", type=click.Choice(list(FORMS)), help="Its ratio: of norms, or of squared norms.")
@click.option("--protocol", help="Variant of the problem; see `rnngrad list problems`.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--engine", type=click.Choice(["auto", *ENGINES]), default="auto", show_default=True, help="What unrolls."
)
@threads_option
@click.option(
    "--probe-every", type=click.IntRange(min=1), metavar="N", help="Measure the flow at every N-th update as well."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def task(
    name: str,
    seeds: int,
    seed: int,
    device: str,
    engine: str,
    probe_every: int | None,
    out: Path,
    as_json: bool,
    quiet: bool,
    **overrides: Any,
) -> None:
    """Train the cells of a task card and measure their gradient flow.

    TASK is the name of a shipped card (see `rnngrad list tasks`) or the path of your own, which ends in .toml.
    Flags override the card. Every evaluation is in the store, OUT/rnngrad.db, at once.
    """
    card = resolved(cards.load(name), **overrides)
    chosen = choose_device(device)
    if seed + seeds > LARGEST_SEED:
        raise UsageError(f"'--seed' and '--seeds': the last seed must be under {LARGEST_SEED}")
    typed = shlex.join(["rnngrad", *sys.argv[1:]])
    ensembles = (
        planned := study.Study(card, range(seed, seed + seeds), chosen, typed, engine, probe_every)
    ).ensembles()
    if (out / "weights").exists() and not (out / "weights").is_dir():
        raise UsageError(f"{out / 'weights'} is no folder, and the weights go there: choose another --out")
    store = Store(writable(out) / "rnngrad.db")
    (out / "weights").mkdir(exist_ok=True)
    if not quiet:
        click.echo(wrapped(starting(device, ensembles)), err=True)
    if any(ensemble.engine is cpu for ensemble in ensembles):
        prepare_kernels(quiet)
    recorders = [study.Recorder(planned, ensemble, store, out / "weights") for ensemble in ensembles]
    try:
        with Progress(ensembles, quiet) as progress:
            study.run(recorders, progress)
    finally:
        ids = {run for recorder in recorders for run in recorder.ids}
        if ids:
            present(comparisons(store.runs(), ids), store, out, as_json)
        store.close()


def resolved(card: Card, **flags: Any) -> Card:
    """The card with the flags that were given in place of its own values, checked again as a whole."""
    problem = override(card.problem, lag=flags["lag"], protocol=flags["protocol"])
    named = ("batch", "lr", "steps", "omega", "omega_form")
    training = override(card.training, **{name: flags[name] for name in named})
    if flags["omega_form"] and not training.omega:
        raise UsageError("'--omega-form': there is no regulariser to give a form: set its strength with '--omega'")
    if flags["lr"] is not None:
        training = replace(training, tuned={})
    specs = card.cells
    if flags["cell_names"]:
        specs = tuple(CellSpec.parse(text, card.cells[0].hidden) for text in flags["cell_names"])
    specs = tuple(dict.fromkeys(override(spec, hidden=flags["hidden"]) for spec in specs))
    card = replace(card, problem=problem, training=training, cells=specs)
    card.check()
    return card


def starting(asked: str, ensembles: Sequence[Ensemble]) -> str:
    """The first line on stderr: what runs where, and what ``auto`` took."""
    device = ensembles[0].device
    reason = " (no CUDA device found)" if asked == "auto" and device.type == "cpu" else ""
    engines = ", ".join(dict.fromkeys(e.engine.name for e in ensembles))
    seeds = len(ensembles[0].seeds)
    return f"cells: {len(ensembles)}, seeds each: {seeds}, on {study.device_name(device)}{reason}, engine {engines}"
