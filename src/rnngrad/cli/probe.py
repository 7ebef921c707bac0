"""``rnngrad probe``: gradient flow, exponents, bounds and prediction of a net, without training."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from ..cards import CellSpec
from ..errors import UsageError
from ..probing import Data, Subject, cell_subject, measured, module_subject, stored_run, summary, words
from ..store import Row, Store
from .shared import json_line, json_option, prepare_kernels, threads_option, wrapped, writable
from .training import LARGEST_SEED

DEFAULT_CELLS = ("rnn", "lstm")
DRAWN = ("lag", "hidden", "inputs", "batch", "seeds", "seed")
"""Options about nets and sequences that are drawn; a trained run has its own."""


@click.command()
@click.option("--cell", "cells", multiple=True, metavar="NAME[:INIT]", help="Cell to probe; may be repeated.")
@click.option("--module", "modules", multiple=True, metavar="PATH.py:MAKE", help="Your own net: what MAKE() returns.")
@click.option("--checkpoint", "runs", multiple=True, type=int, metavar="RUN", help="Trained run, by its id in --store.")
@click.option(
    "--store", "path", type=click.Path(path_type=Path), default=Path("runs/rnngrad.db"), show_default=True, metavar="DB"
)
@click.option("--lag", type=click.IntRange(min=2), default=200, show_default=True, help="Steps of the sequences.")
@click.option("--hidden", type=click.IntRange(min=1), default=64, show_default=True, help="Hidden width of every cell.")
@click.option("--inputs", type=click.IntRange(min=1), default=2, show_default=True, help="Width of the input.")
@click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True, help="Sequences per net.")
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many nets of each kind.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    metavar="N",
    help="Steps that exponents leave out: by default a quarter, none of a trained run.",
)
@threads_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def probe(
    cells: Sequence[str],
    modules: Sequence[str],
    runs: Sequence[int],
    path: Path,
    warmup: int | None,
    out: Path,
    as_json: bool,
    quiet: bool,
    **drawn: int,
) -> None:
    """How far back does a net's gradient reach, and what does theory say?

    Measures without training. Prints decay rate, horizon, float32's limit, the first Lyapunov exponents, the classical
    bounds and the mean-field prediction, and draws them. Without a net named it compares rnn and lstm.

    Cells and modules run on x ~ N(0, 1). MAKE returns an nn.RNN, nn.LSTM, nn.GRU or a module with forward(x_t, state);
    it is called for every seed. A trained run is measured on the probe batch of its own task.
    """
    if runs:
        _refuse(("cells", "modules", *DRAWN), "does not go with --checkpoint: a run has its own net, task and seed")
        subjects = _trained(path, runs, warmup or 0)
    else:
        _refuse(["path"], "is where a --checkpoint is: give one")
        _refuse(["hidden"] if modules and not cells else [], "is for a --cell: a module has its own width")
        subjects = _untrained(cells or (() if modules else DEFAULT_CELLS), modules, warmup, **drawn)
    writable(out)
    console = Console(stderr=True, quiet=quiet)
    console.print(f"probing {', '.join(subject.label for subject in subjects)}", highlight=False, soft_wrap=True)
    prepare_kernels(quiet)
    found: dict[str, list[Row]] = {}
    with console.status("") as status:
        for subject in subjects:
            rows = found[subject.label] = []
            for seed in subject.seeds:
                status.update(f"{subject.label}: seed {seed}, {len(rows) + 1} of {len(subject.seeds)}")
                rows.append(_measured(subject, seed, with_spectrum=not rows))
    _present(found, out, as_json)


def _refuse(names: Sequence[str], why: str) -> None:
    """Raises UsageError for an option that was given and would have no effect."""
    context = click.get_current_context()
    flags = {option.name: option.opts[0] for option in context.command.params}
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UsageError(f"'{flags[name]}' {why}")


def _trained(path: Path, runs: Sequence[int], warmup: int) -> list[Subject]:
    store = Store(path, create=False)
    try:
        return [stored_run(store, run, warmup) for run in dict.fromkeys(runs)]
    finally:
        store.close()


def _untrained(
    cells: Sequence[str], modules: Sequence[str], warmup: int | None, seed: int, seeds: int, hidden: int, **sizes: int
) -> list[Subject]:
    if seed + seeds > LARGEST_SEED:
        raise UsageError(f"'--seed' and '--seeds': the last seed must be under {LARGEST_SEED}")
    data, nets = Data(warmup=warmup, **sizes), range(seed, seed + seeds)
    specs = dict.fromkeys(CellSpec.parse(name, hidden) for name in cells)
    own = dict.fromkeys(modules)
    return [*(cell_subject(spec, data, nets) for spec in specs), *(module_subject(text, data, nets) for text in own)]


def _measured(subject: Subject, seed: int, with_spectrum: bool) -> Row:
    """The row of one net. What its own code prints goes to stderr, away from the results."""
    case = subject.make(seed)
    try:
        with redirect_stdout(sys.stderr):
            return measured(case, with_spectrum)
    except UsageError as error:
        raise UsageError(f"{subject.label}: {error}") from error


def _present(found: dict[str, list[Row]], out: Path, as_json: bool) -> None:
    """Prints and draws what was measured."""
    summaries = [summary(label, rows) for label, rows in found.items()]
    if as_json:
        for label, rows in found.items():
            for row in rows:
                click.echo(json_line({"event": "probe", "label": label, **row}))
        for own in summaries:
            click.echo(json_line({"event": "summary", **own}))
    else:
        _print(summaries)
    from ..probing.drawing import draw  # seaborn takes as long to import as torch, and the numbers need not wait for it

    files = [str(file) for file in draw(found, out)]
    click.echo(
        json_line({"event": "files", "files": files}) if as_json else "\n".join(f"wrote {file}" for file in files)
    )


def _print(summaries: list[Row]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(words.table(summaries))
    for own in summaries:
        if own["bounds"]:
            console.print(words.bounds_table(own))
    for own in summaries:
        click.echo(wrapped(words.sentences(own)))
