"""What ``rnngrad task`` and ``rnngrad sweep`` share: their options, and the way from a card to stored runs."""

import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from .. import memory, study
from ..cards import Card, CellSpec, override
from ..engine import ENGINES
from ..errors import UsageError
from ..flow import FORMS
from ..hs97.machine import prepare
from ..jobs import Job
from ..logs import TensorBoard
from ..schema import each_once
from ..store import Store
from ..study.executors import Here, Parallel, cluster, local_pool
from ..study.executors.parallel import Pool
from ..study.recorder import CHECKPOINTS, STORE, WEIGHTS
from ..study_progress import StudyProgress
from .shared import announced, choose_device, json_option, prepare_kernels, threads_option, wrapped, writable

LARGEST_SEED = 2**62  # the store's integers have 63 bits

WORKER_OPTIONS = (
    click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Compute in N processes, one thread each."),
    click.option("--scheduler", metavar="ADDRESS", help="Compute on the workers of this Dask scheduler."),
    click.option("--per-worker-gpu", is_flag=True, help="Give every worker a GPU of its own."),
)
"""Of all commands whose jobs an executor computes."""

OPTIONS = (
    click.option("--cell", "cell_names", multiple=True, metavar="NAME[:INIT]", help="Cell to train; may be repeated."),
    click.option(
        "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many seeds each cell gets."
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed."),
    click.option("--hidden", type=int, help="Hidden width of every cell."),
    click.option("--batch", type=int, help="Sequences per update."),
    click.option("--steps", type=int, help="Budget: updates after which an unsolved run ends."),
    click.option("--omega", type=float, metavar="STRENGTH", help="Pascanu's regulariser in the loss; 0 is none."),
    click.option("--omega-form", type=click.Choice(list(FORMS)), help="Its ratio: of norms, or of squared norms."),
    click.option("--protocol", help="Variant of the problem; see `rnngrad list problems`."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--engine", type=click.Choice(["auto", *ENGINES]), default="auto", show_default=True, help="What unrolls."
    ),
    threads_option,
    click.option(
        "--probe-every", type=click.IntRange(min=1), metavar="N", help="Measure the flow at every N-th update as well."
    ),
    *WORKER_OPTIONS,
    click.option("--log", type=click.Choice(["tensorboard"]), help="Log scalars and the flow for this viewer as well."),
    click.option("--dry-run", is_flag=True, help="Print what would be trained, and how long it takes; train nothing."),
    click.option(
        "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder."
    ),
    json_option,
    click.option("--quiet", is_flag=True, help="No progress on stderr."),
)


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """All that both commands take."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def resolved(card: Card, **flags: Any) -> Card:
    """The card with the flags that were given in place of its own values."""
    problem = override(card.problem, protocol=flags["protocol"])
    training = override(card.training, **{name: flags[name] for name in ("batch", "steps", "omega", "omega_form")})
    if flags["omega_form"] and not training.omega:
        raise UsageError("'--omega-form': there is no regulariser to give a form: set its strength with '--omega'")
    specs = card.cells
    if flags["cell_names"]:
        specs = tuple(CellSpec.parse(text, card.cells[0].hidden) for text in flags["cell_names"])
        each_once([spec.label for spec in specs], "'--cell'")
    specs = tuple(dict.fromkeys(override(spec, hidden=flags["hidden"]) for spec in specs))
    return replace(card, problem=problem, training=training, cells=specs)


def grid_of(
    card: Card, lags: Sequence[int], rates: Sequence[float], names: tuple[str, str] = ("lag", "lr"), **flags: Any
) -> study.Grid:
    """What was asked for. ``lags`` and ``rates``: in place of the card's, none for its own; ``names``: their flags'."""
    first, count = flags["seed"], flags["seeds"]
    if first + count > LARGEST_SEED:
        raise UsageError(f"'--seed' and '--seeds': the last seed must be under {LARGEST_SEED}")
    device = where(**flags).type
    return study.Grid(
        card=resolved(card, **flags),
        lags=lags or [card.problem.lag],
        rates=rates,
        seeds=range(first, first + count),
        device=device,
        command=shlex.join(["rnngrad", *sys.argv[1:]]),
        engine=flags["engine"],
        probe_every=flags["probe_every"],
        flags=names,
    )


def where(device: str, workers: int | None, scheduler: str | None, per_worker_gpu: bool, **_: Any) -> torch.device:
    """Where jobs are computed, by the flags. Raises UsageError if these contradict each other."""
    if scheduler and workers:
        raise UsageError("'--workers' and '--scheduler': a Dask cluster has its own workers; give one of the two")
    if per_worker_gpu and not (scheduler or workers):
        raise UsageError("'--per-worker-gpu': there are no workers: ask for some with '--workers' or '--scheduler'")
    if per_worker_gpu:
        return torch.device("cuda") if scheduler else choose_device("cuda")  # elsewhere there may be one
    return choose_device(device)


def open_store(out: Path) -> Store:
    """The store of the folder, made if need be. Raises UsageError if the folder cannot be what it has to be."""
    for name in (WEIGHTS, CHECKPOINTS):
        if (out / name).exists() and not (out / name).is_dir():
            raise UsageError(f"{out / name} is no folder, and the {name} go there: choose another --out")
    return Store(writable(out) / STORE)


def planned(
    jobs: Sequence[Job],
    store: Store | None,
    claims: study.Claims | None,
    out: Path,
    room: int | None,
    **flags: Any,
) -> study.Plan:
    """What is missing of the jobs; without a store everything is. With claims it is this process's to compute."""
    keys = [key for job in jobs for key in job.keys]
    others = set(keys) - claims.claim(keys) if claims else set()
    ended = store.ended(keys) if store else set()  # once they are claimed, so that none ends in between
    found = study.Checkpoints(out / CHECKPOINTS).found(lambda text: click.echo(wrapped(text), err=True))
    return study.make_plan(jobs, ended, found, room, flags["workers"] or 1, others - ended)


def room_for(jobs: Sequence[study.TrainingJob], **flags: Any) -> int | None:
    """Bytes for each worker of this machine; None for workers elsewhere, of which nothing is known.

    Raises UsageError if some job's runs do not even fit one at a time.
    """
    if flags["scheduler"]:
        return None
    workers, device = flags["workers"] or 1, torch.device(jobs[0].device)
    largest = max(job.memory(1) for job in jobs)
    memory.require(largest * workers, device, "use a shorter lag, a smaller --batch or --hidden, or fewer --workers")
    return memory.available_bytes(device) // workers


def train(plan: study.Plan, store: Store, out: Path, **flags: Any) -> list[str]:
    """Trains what the plan lacks; returns why runs failed, if any did."""
    quiet = flags["quiet"]
    if not quiet:
        click.echo(wrapped(starting(plan, flags["device"])), err=True)
    if not plan.portions:
        return []
    if not flags["scheduler"]:
        ready(plan, quiet)
    recorder = study.Recorder(store, out)
    logs = [TensorBoard(out)] if flags["log"] else []
    with (
        workers(flags["workers"], flags["scheduler"], flags["per_worker_gpu"]) as pool,
        StudyProgress(plan, store.outcomes(sorted(plan.keys)), quiet) as progress,
    ):
        study.conduct(plan, Parallel(pool) if pool else Here(), recorder, [progress, *logs])
    recorder.checkpoints.prune(store.all_ended())
    return recorder.failures


def ready(plan: study.Plan, quiet: bool) -> None:
    """Gets the kernels ready that the plan's jobs need on this machine."""
    jobs = [portion.job for portion in plan.portions]
    if any(isinstance(job, study.TrialJob) for job in jobs):
        announced(prepare, quiet)
    if any(isinstance(job, study.TrainingJob) and job.engine == "cpu" for job in jobs):
        prepare_kernels(quiet)


def workers(count: int | None, scheduler: str | None, own_gpu: bool) -> AbstractContextManager[Pool | None]:
    """The workers that were asked for; None for none but this process."""
    if scheduler:
        return cluster(scheduler, own_gpu)
    return local_pool(count, own_gpu) if count else nullcontext()


def starting(plan: study.Plan, asked: str) -> str:
    """The first line on stderr: what runs where, what ``auto`` took, and what there is already."""
    first = plan.asked[0].runs[0]
    reason = " (no CUDA device found)" if asked == "auto" and first["device"] == "cpu" else ""
    engines = ", ".join(dict.fromkeys(job.runs[0]["engine"] for job in plan.asked))
    cells = len({(job.runs[0]["cell"], job.runs[0]["init"]) for job in plan.asked})
    lags = list(dict.fromkeys(job.runs[0]["lag"] for job in plan.asked))
    at = f"lags: {', '.join(f'{lag:,}' for lag in lags)}, " if len(lags) > 1 else ""
    known = f"; {len(plan.ended)} of {len(plan.keys)} runs are in the store" if plan.ended else ""
    going_on = sum(len(portion.job.keys) for portion in plan.portions if portion.checkpoint)
    known += f"; {going_on} go on from a checkpoint" if going_on else ""
    known += elsewhere(plan)
    return (
        f"cells: {cells}, {at}seeds each: {len(plan.asked[0].keys)}, on {first['device']}{reason}, "
        f"engine {engines}{known}"
    )


def elsewhere(plan: study.Plan) -> str:
    """What another command computes, if anything."""
    return f"; {len(plan.elsewhere)} are left to another command, which computes them" if plan.elsewhere else ""
