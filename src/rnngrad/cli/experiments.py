"""From an experiment's portions to its figures: what ``rnngrad depth`` and ``rnngrad compare`` share."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from .. import memory, study
from ..experiment import Experiment, ExperimentRecorder
from ..measuring import MeasuringJob
from ..progress import Percent
from ..store import Store
from ..study.executors import Here, Parallel
from ..study.recorder import STORE
from .presentation import present_found
from .shared import wrapped, writable
from .training import workers as pool_of


def run(
    name: str,
    settings: Mapping[str, Any],
    device: torch.device,
    jobs: Sequence[MeasuringJob],
    out: Path,
    as_json: bool,
    quiet: bool,
    workers: int | None = None,
    scheduler: str | None = None,
    per_worker_gpu: bool = False,
    label: str | None = None,
) -> None:
    """Measures what the store lacks, and presents what was found; ``label`` is what progress calls it.

    Exit 1 if a portion failed.
    """
    if workers and workers > 1:
        memory.require(max(job.peak for job in jobs) * workers, device, "use fewer --workers")
    experiment = Experiment(name, settings, device, shlex.join(["rnngrad", *sys.argv[1:]]), jobs)
    store = Store(writable(out) / STORE)
    try:
        recorder = ExperimentRecorder(store, experiment)
        _measure(recorder, label or f"depth {name}", quiet, workers, scheduler, per_worker_gpu)
        recorder.finish()
        if recorder.failures:
            click.echo("\n".join(f"failed: {reason}" for reason in recorder.failures), err=True)
            raise click.exceptions.Exit(1)
        present_found(store, out, as_json, only=recorder.id)
    finally:
        store.close()


def _measure(
    recorder: ExperimentRecorder, label: str, quiet: bool, workers: int | None, scheduler: str | None, own_gpu: bool
) -> None:
    """All portions that are missing. On Ctrl-C says what is there."""
    plan = recorder.plan(workers or 1)
    what = f"of {len(plan.asked)} portions are in the store"
    if plan.ended and not quiet:
        click.echo(f"{len(plan.ended)} {what} already", err=True)
    if not plan.portions:
        return
    try:
        with pool_of(workers, scheduler, own_gpu) as pool, Percent(label, plan, quiet) as progress:
            study.conduct(plan, Parallel(pool) if pool else Here(), recorder, [progress])
    except KeyboardInterrupt:
        known = len(recorder.store.measured(list(recorder.places)))
        click.echo(wrapped(f"{known} {what} {recorder.store.path}: repeat the command to go on from there"), err=True)
        raise
