"""``rnngrad rerun``: a paper's experiments again, as published."""

import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from .. import compiler, study
from ..errors import UsageError
from ..hs97.machine import prepare
from ..hs97.options import parse_option
from ..jobs import Job
from ..rerun_progress import RerunProgress
from ..reruns import NOT_IN_PAPER, duration, in_paper, not_run
from ..store import Row, Store
from ..study.executors import Here, Parallel
from ..study.settings import Asked
from ..study.trial_job import SECONDS
from ..study.trials import asked
from ..tables import on_terminal
from .presentation import present_reruns
from .shared import CORES, announced, json_line, json_option, prepare_kernels, rows_of, wrapped
from .training import LARGEST_SEED, elsewhere, open_store, planned, ready, where, workers

UNITS = {"s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """A time such as 90s, 10m or 1.5h, in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d*)?)([smh])", str(value).strip())
        if not found:
            self.fail(f"'{value}': expected a number with s, m or h, such as 90s, 10m or 1.5h", param, ctx)
        seconds = float(found[1]) * UNITS[found[2]]
        if seconds < SECONDS:
            self.fail(f"'{value}' allows nothing: the shortest piece of work takes {SECONDS:.0f}s", param, ctx)
        return seconds


@click.command()
@click.argument("names", nargs=-1, metavar="[EXPERIMENT]...")
@click.option("--trials", type=click.IntRange(min=1), help="Trials of each setting; the paper's number by default.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the first trial.")
@click.option(
    "--reading",
    "readings",
    multiple=True,
    default=["text"],
    show_default=True,
    metavar="NAME",
    help="How the paper is read; may be repeated, to compare.",
)
@click.option("--set", "options", multiple=True, metavar="OPTION=VALUE", help="Another option; may be repeated.")
@click.option("--workers", "count", type=click.IntRange(min=1), metavar="N", help="Trials at once; one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="Compute on the workers of this Dask scheduler.")
@click.option("--budget", type=Duration(), help="Stop after this time, such as 10m; the same command goes on.")
@click.option("--list", "listed", is_flag=True, help="Print experiments, published numbers and cost; run no trial.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def rerun(
    names: tuple[str, ...], options: tuple[str, ...], readings: tuple[str, ...], listed: bool, **flags: Any
) -> None:
    """Run a paper's experiments again, its numbers beside ours.

    EXPERIMENT is hs97 (all of Hochreiter & Schmidhuber 1997), hs97/4, or one of its settings, hs97/4/T100. A trial is
    stored as it goes, in OUT/rnngrad.db: a repeated command computes what is missing, and more --trials extend it.
    """
    if not names and not listed:
        raise UsageError("name an experiment, such as hs97/4; `rnngrad rerun --list` shows all")
    compiler.require("reruns")
    changes = dict(parse_option(text) for text in options)
    settings = [one for reading in dict.fromkeys(readings) for one in asked(names or ("hs97",), reading, changes)]
    if listed:
        _list(settings, flags["trials"], flags["as_json"], flags["quiet"])
    else:
        _run(settings, **flags)


def _run(settings: list[Asked], out: Path, trials: int | None, seed: int, as_json: bool, **flags: Any) -> None:
    if seed + max(trials or one.trials for one in settings) > LARGEST_SEED:
        raise UsageError(f"'--seed' and '--trials': the last seed must be under {LARGEST_SEED}")
    where("cpu", flags["count"], flags["scheduler"], per_worker_gpu=False)
    command = shlex.join(["rnngrad", *sys.argv[1:]])
    jobs = [(one, one.jobs(trials, seed, command)) for one in settings]
    failures: list[str] = []
    with closing(open_store(out)) as store, closing(study.Claims(out)) as claims:
        try:
            failures = _compute([job for _, own in jobs for job in own], store, claims, out, **flags)
        finally:
            with rows_of(store.path):
                _show(jobs, store, out, trials, as_json)
    if failures:
        click.echo(f"rnngrad: {len(failures)} trials failed, the first of them: {failures[0]}", err=True)
        raise click.exceptions.Exit(1)


def _compute(
    jobs: Sequence[Job],
    store: Store,
    claims: study.Claims,
    out: Path,
    quiet: bool,
    count: int | None,
    scheduler: str | None,
    budget: float | None,
) -> list[str]:
    """What is missing of the jobs, as far as the budget goes; returns why trials failed, if any did."""
    recorder = study.Recorder(store, out)
    plan = planned(jobs, store, claims, out, room=None, workers=count)
    if not quiet:
        click.echo(wrapped(_starting(plan)), err=True)
    if not plan.portions:
        return []
    if not scheduler:
        ready(plan, quiet)
    at_once = count or min(CORES or 1, len(plan.portions))
    deadline = [study.Deadline(budget)] if budget else []
    with (
        workers(at_once if at_once > 1 else None, scheduler, own_gpu=False) as pool,
        RerunProgress(plan, store.outcomes(sorted(plan.keys)), quiet) as progress,
    ):
        try:
            study.conduct(plan, Parallel(pool) if pool else Here(), recorder, [progress, *deadline])
        except study.OutOfTime:
            done = len(store.ended(sorted(plan.keys)))
            said = f"out of time: {done} of {len(plan.keys)} trials are at their end; the same command goes on"
            progress.console.print(said, soft_wrap=True, markup=False)
    recorder.checkpoints.prune(store.all_ended())
    return recorder.failures


def _starting(plan: study.Plan) -> str:
    """The first line on stderr: what there is to do, and what there is already."""
    settings = len({(job.runs[0]["task"], job.runs[0]["protocol"]) for job in plan.asked})
    going_on = sum(portion.checkpoint is not None for portion in plan.portions)
    known = f"; {len(plan.ended)} are in the store" if plan.ended else ""
    known += f"; {going_on} go on from a checkpoint" if going_on else ""
    known += elsewhere(plan)
    readings = list(dict.fromkeys(job.runs[0]["card"]["reading"] for job in plan.asked))
    reading = f"reading {readings[0]}" if len(readings) == 1 else f"readings: {len(readings)}"
    return f"settings: {settings}, {reading}, trials: {len(plan.keys)}{known}"


def _show(
    jobs: Sequence[tuple[Asked, Sequence[Job]]], store: Store, out: Path, trials: int | None, as_json: bool
) -> None:
    """The trials that were asked for, and what the settings cost of which there are none."""
    stored = {run["key"]: run for run in store.runs()}
    runs: list[Row] = []
    missing: list[tuple[Row, float | None]] = []
    for one, own in jobs:
        known = [stored[key] for job in own for key in job.keys if key in stored]
        runs += known
        if not known:
            missing.append((one.about, one.seconds() * (trials or one.trials)))
    present_reruns(runs, missing, store, out, as_json)


def _list(settings: Sequence[Asked], trials: int | None, as_json: bool, quiet: bool) -> None:
    """What there is to run again, what is published of it, and what it would cost on one core of this machine."""
    announced(prepare, quiet)
    if not all(in_paper(one.about) for one in settings):
        prepare_kernels(quiet)
    rows = [_cost(one, trials or one.trials) for one in settings]
    if as_json:
        for row in rows:
            click.echo(json_line(row))
        return
    headings = ["experiment", "what", "published sequences", "solved", "weights", "trials", "about", "at most"]
    lines = [headings, *(_listed(row) for row in rows)]
    Console(width=None if sys.stdout.isatty() else 160).print(on_terminal("Hochreiter & Schmidhuber 1997", lines))
    click.echo(
        wrapped("about: one core, by the published numbers, else the budget; at most: if all go on to their cap")
    )


def _cost(one: Asked, trials: int) -> Row:
    about, seconds = one.about, one.seconds()
    known = not_run(about, seconds * trials)[-1]
    return {
        "event": "experiment",
        "experiment": known["experiment"],
        "setting": known["setting"],
        "title": one.card.experiment.title,
        "reading": about["reading"],
        "weights": one.weights,
        "published": None if known["published_bound"] else known["published"],
        "published_solved": known["published_solved"],
        "published_trials": known["published_trials"],
        "in_paper": known["in_paper"],
        "cap": one.cap,
        "trials": trials,
        "estimated_seconds": known["estimated_seconds"],
        "seconds_at_most": seconds / one.sequences() * one.cap * trials,
    }


def _listed(row: Row) -> list[str]:
    published = f">{row['cap']:,}" if row["published"] is None else f"{row['published']:,.0f}"
    return [
        f"hs97/{row['experiment']}/{row['setting']}",
        row["title"],
        published if row["in_paper"] else NOT_IN_PAPER,
        f"{row['published_solved']}/{row['published_trials']}" if row["in_paper"] else "–",
        f"{row['weights']:,}",
        f"{row['trials']}",
        duration(row["estimated_seconds"]),
        duration(row["seconds_at_most"]),
    ]
