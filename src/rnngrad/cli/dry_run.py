"""``--dry-run``: what would be trained, and how long the training takes at most."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..progress import minutes
from ..store import Store
from ..study import Plan, Portion, TrainingJob
from ..study.estimate import Calibration
from ..study.recorder import STORE
from ..tables import on_terminal
from .shared import json_line, prepare_kernels
from .training import planned, workers

HEADINGS = ["cell", "lag", "lr", "runs", "in the store", "go on", "from the start", "training, at most"]


def print_plan(jobs: Sequence[TrainingJob], out: Path, room: int | None, as_json: bool, **flags: Any) -> None:
    """The plan as a table, or as JSON. Writes nothing."""
    store = Store(out / STORE, create=False) if (out / STORE).is_file() else None
    try:
        plan = planned(jobs, store, None, out, room, **flags)
    finally:
        if store:
            store.close()
    with workers(None, flags["scheduler"], own_gpu=False):
        pass  # is there a cluster?
    prepare_kernels(flags["quiet"])
    calibration = Calibration()
    rows = [_row(job, plan, calibration) for job in jobs]
    if as_json:
        click.echo("\n".join(json_line({"event": "plan", **row}) for row in rows))
        return
    lines = [HEADINGS, *(_line(row) for row in rows)]
    Console(width=None if sys.stdout.isatty() else 160).print(on_terminal(f"{jobs[0].card.task.title}: plan", lines))
    click.echo(_sum(rows, flags["workers"] or 1) if not flags["scheduler"] else _sum(rows, 1, "one core"))


def _row(job: TrainingJob, plan: Plan, calibration: Calibration) -> dict[str, Any]:
    first = job.runs[0]
    own = [portion for portion in plan.portions if portion.job.keys[0] in job.keys]
    return {
        "cell": first["cell"],
        "init": first["init"],
        "lag": first["lag"],
        "lr": first["lr"],
        "runs": len(job.keys),
        "in_store": len(plan.ended & set(job.keys)),
        "go_on": _count(own, resumed=True),
        "from_start": _count(own, resumed=False),
        "seconds_at_most": sum(calibration.seconds(portion) for portion in own),
    }


def _count(portions: Sequence[Portion], resumed: bool) -> int:
    return sum(len(portion.job.keys) for portion in portions if (portion.checkpoint is not None) == resumed)


def _line(row: dict[str, Any]) -> list[str]:
    counts = [str(row[name]) for name in ("runs", "in_store", "go_on", "from_start")]
    return [
        f"{row['cell']}:{row['init']}",
        f"{row['lag']:,}",
        f"{row['lr']:g}",
        *counts,
        minutes(row["seconds_at_most"]),
    ]


def _sum(rows: Sequence[dict[str, Any]], workers: int, who: str = "") -> str:
    missing = sum(row["go_on"] + row["from_start"] for row in rows)
    seconds = sum(row["seconds_at_most"] for row in rows) / workers
    return (
        f"{missing} of {sum(row['runs'] for row in rows)} runs to train, at most {minutes(seconds)} (minutes:seconds) "
        f"of training with {who or f'{workers} worker' + 's' * (workers > 1)}; runs that solve the task end earlier. "
        "Starting, tables and figures take some seconds more."
    )
