"""``rnngrad compare``: time beside depth on one axis."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any

import click
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..comparison import Setting, findings, measure
from ..errors import UsageError
from ..side_by_side import Row
from ..study import versions
from .shared import json_line, json_option, single_thread_option, wrapped, writable


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
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def compare(seeds: int, seed: int, widths: str, out: Path, as_json: bool, quiet: bool, **variables: Any) -> None:
    """Time beside depth: the gradient by layers and by steps, measured alike.

    An MLP, an RNN with as many steps, and an RNN whose weights are redrawn at every step, of one activation function
    and the same variances, beside what theory says: before and after both learn to hand on one bit; and remedies in
    pairs. The rows go to OUT/depth-and-time.jsonl.
    """
    setting = Setting(seeds=tuple(range(seed, seed + seeds)), widths=_numbers(widths), **variables)
    measured = measure(setting, lambda text: None if quiet else click.echo(text, err=True))
    rows = []
    with (writable(out) / "depth-and-time.jsonl").open("w", encoding="utf-8") as file:
        for row in chain(measured, _made(monotonic())):
            file.write(json_line(row) + "\n")
            rows.append(row)
    present(rows, out, as_json)


def _made(began: float) -> Iterator[Row]:
    """The last row: when, by what and in what time the others were made."""
    yield {
        "event": "made",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["rnngrad", *sys.argv[1:]]),
        "seconds": monotonic() - began,
        "versions": versions() | {"threads": str(torch.get_num_threads())},
    }


def _numbers(widths: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in widths.split(","))
    except ValueError:
        raise UsageError(f"--widths: whole numbers with commas between, as in 32,128,512, got '{widths}'") from None


def present(rows: Sequence[Row], out: Path, as_json: bool) -> None:
    """Prints the tables and the words, or the rows, and draws the figure."""
    from ..comparison import report  # seaborn takes as long to import as torch, and measuring need not wait for it

    files = report.draw(rows, out)
    if as_json:
        for row in rows:
            click.echo(json_line(row))
        click.echo(json.dumps({"event": "files", "files": [str(file) for file in files]}))
        return
    click.echo(findings.title(rows))
    for table in (findings.horizon_table(rows), findings.width_table(rows)):
        Console(width=160).print(_terminal(table))
    click.echo("\n".join(wrapped(sentence) for sentence in findings.sentences(rows)))
    click.echo("\n".join(f"wrote {file}" for file in files))


def _terminal(lines: Sequence[Sequence[str]]) -> Table:
    """Headings and lines of text as a table for the terminal."""
    table = Table()
    for heading in lines[0]:
        table.add_column(Text(heading), overflow="fold")
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    return table
