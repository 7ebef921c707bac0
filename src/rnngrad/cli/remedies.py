"""``rnngrad depth remedies``: what keeps a deep net's gradient alive, and which nets then train."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import click

from .. import study
from ..data import digits
from ..depth import remedies as experiment
from ..jsonl import Row, RowFile
from .shared import choose_device, json_line, json_option, threads_option, wrapped, writable

PLAIN_EVERY = 5.0
"""Seconds between lines of progress where stderr is no terminal."""


@click.command()
@click.option("--activation", "activations", multiple=True, metavar="NAME", help="Of the grid; may be repeated.")
@click.option("--init", "inits", multiple=True, metavar="NAME", help="Of the grid; may be repeated.")
@click.option("--depth", "depths", multiple=True, type=int, help="Hidden layers; may be repeated.")
@click.option("--width", type=click.IntRange(min=1), default=64, show_default=True, help="Units of a hidden layer.")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds that are trained: 1, or 3 with --full.")
@click.option("--full", is_flag=True, help="The whole grid: more depths and inits, a third rate, three seeds.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Your own MNIST, npz or IDX.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True)
@threads_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def remedies(
    activations: Sequence[str],
    inits: Sequence[str],
    depths: Sequence[int],
    width: int,
    seeds: int | None,
    full: bool,
    data: Path | None,
    device: str,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Gradient and trainability of deep nets, by activation, initialisation and remedy.

    Depths of 2 to 100 hidden layers; plain, with batch normalisation, with residual connections. Under ten minutes on
    two cores. Every net is a line of OUT/remedies.jsonl as soon as it is measured, and the command, repeated, measures
    only what is missing there.
    """
    recipes = experiment.grid(
        activations or experiment.ACTIVATIONS,
        inits or (experiment.ALL_INITS if full else experiment.INITS),
        depths or (experiment.ALL_DEPTHS if full else experiment.DEPTHS),
    )
    rates = (0.1, 0.01, 1.0) if full else (0.1, 0.01)
    protocol = experiment.Protocol(width, seeds or (3 if full else 1), rates)
    images = digits(data)
    chosen = choose_device(device)
    file = RowFile(writable(out) / "remedies.jsonl")
    wanted = [experiment.key(recipe, protocol, images) for recipe in recipes]
    missing = [recipe for recipe, key in zip(recipes, wanted, strict=True) if found(file.rows, key) is None]
    progress = Progress(len(recipes), len(missing), quiet)
    for recipe in missing:
        made = {"device": study.device_name(chosen), "versions": study.versions(), "command": typed()}
        begin = monotonic()
        row = experiment.measure(recipe, protocol, images, chosen)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        file.append({**row, "seconds": round(monotonic() - begin, 2), "at": at, **made})
        progress(recipe)
    present([row for key in wanted if (row := found(file.rows, key)) is not None], out, as_json)


def found(rows: Sequence[Row], key: Row) -> Row | None:
    """The row of a net, if it has been measured."""
    return next((row for row in rows if all(row.get(name) == value for name, value in key.items())), None)


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["rnngrad", *sys.argv[1:]])


def present(rows: Sequence[Row], out: Path, as_json: bool) -> None:
    """Rows to the terminal: findings and table, or JSON; and the figures."""
    from ..depth.remedies_summary import markdown_table, sentences
    from ..figures import remedies as figures  # seaborn takes as long to import as torch
    from ..figures.style import save

    table = markdown_table(rows)
    (out / "remedies.md").write_text(table, encoding="utf-8")
    files = [path for name, figure in figures.all_of(rows).items() for path in save(figure, out / f"remedies-{name}")]
    if as_json:
        for row in rows:
            click.echo(json_line({"event": "net", **row}))
        click.echo(json_line({"event": "files", "files": [str(path) for path in files]}))
        return
    click.echo(table)
    click.echo("\n".join(wrapped(sentence) for sentence in sentences(rows)))
    click.echo("\n".join([*(f"wrote {path}" for path in files), f"rows in {out / 'remedies.jsonl'}"]))


class Progress:
    """A line on stderr for what has been measured, what is left, and how long that takes at most."""

    def __init__(self, total: int, missing: int, quiet: bool) -> None:
        self.total, self.missing, self.quiet = total, missing, quiet
        self.done, self.begin, self.last = 0, monotonic(), monotonic()
        if not quiet:
            click.echo(f"nets: {total}, already measured: {total - missing}", err=True)

    def __call__(self, recipe: experiment.Recipe) -> None:
        """Called after every net."""
        self.done += 1
        if self.quiet or (monotonic() - self.last < PLAIN_EVERY and self.done < self.missing):
            return
        self.last = monotonic()
        name = f"{recipe.activation}, {recipe.init}, {recipe.remedy}, {recipe.depth} hidden layers"
        elapsed = monotonic() - self.begin
        click.echo(f"{self.total - self.missing + self.done}/{self.total} after {elapsed:.0f} s: {name}", err=True)
