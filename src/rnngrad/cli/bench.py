"""``rnngrad bench``: the speed table."""

import json
from collections.abc import Sequence

import click

from .. import bench as measurements
from .shared import json_option, prepare_kernels, threads_option


@click.command()
@click.option("--case", "words", multiple=True, metavar="CELL:B:T:H[:R]", help="Measure this instead; may be repeated.")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Turns of every contender.")
@threads_option
@json_option
def bench(words: Sequence[str], rounds: int, as_json: bool) -> None:
    """Time a training step: the CPU engine beside torch.nn and the Python loop.

    About five minutes for the whole table. Use an idle machine.
    """
    cases = [measurements.Case.parse(word) for word in words] or measurements.DEFAULT
    with measurements.prepared() as threads:
        prepare_kernels(quiet=as_json)
        if not as_json:
            click.echo(measurements.heading())
        for case in cases:
            row = measurements.measure(case, rounds, threads)
            click.echo(json.dumps(row) if as_json else measurements.line(row))
