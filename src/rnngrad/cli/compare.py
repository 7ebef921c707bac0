"""``rnngrad compare``: time beside depth on one axis."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from ..comparison import Setting, jobs
from ..errors import UsageError
from .experiments import run
from .shared import json_option, single_thread_option
from .training import WORKER_OPTIONS, where


@click.command()
@click.option("--activation", default="tanh", show_default=True, help="φ: tanh, relu or sigmoid.")
@click.option("--weight-var", type=float, default=1.0, show_default=True, help="σ_w², the variance of a weight · n_in.")
@click.option("--bias-var", type=float, default=0.05, show_default=True, help="σ_b², the variance of a bias.")
@click.option(
    "--input-var", type=float, default=0.01, show_default=True, help="Variance that the input adds: once, or each step."
)
@click.option("--width", type=int, default=32, show_default=True, help="Units of a layer, and of the recurrent nets.")
@click.option("--length", type=int, default=40, show_default=True, help="Hidden layers, and steps.")
@click.option("--widths", default="32,128,512", show_default=True, help="Where tied and redrawn weights are compared.")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="How many of each net.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option(
    "--updates", type=click.IntRange(min=1), default=500, show_default=True, help="Of the training between the two."
)
@single_thread_option
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@WORKER_OPTIONS[0]
@WORKER_OPTIONS[1]
@WORKER_OPTIONS[2]
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def compare(seeds: int, seed: int, widths: str, device: str, **options: Any) -> None:
    """Time beside depth: the gradient by layers and by steps, measured alike.

    An MLP, an RNN with as many steps, and an RNN whose weights are redrawn at every step, of one activation function
    and the same variances, beside what theory says: before and after both learn to hand on one bit; and remedies in
    pairs. The rows are in the store, OUT/rnngrad.db, as soon as they are measured: a command that was ended early goes
    on where it was when it is repeated.
    """
    chosen = where(device, **options)
    variables = {own.name: options.pop(own.name) for own in fields(Setting) if own.name in options}
    setting = Setting(seeds=tuple(range(seed, seed + seeds)), widths=_numbers(widths), device=chosen, **variables)
    run("depth-and-time", setting.columns, chosen, jobs(setting), label="compare", **options)


def _numbers(widths: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in widths.split(","))
    except ValueError:
        raise UsageError(f"--widths: whole numbers with commas between, as in 32,128,512, got '{widths}'") from None
