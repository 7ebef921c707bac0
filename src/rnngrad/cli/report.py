"""``rnngrad report``: tables and figures again."""

from pathlib import Path

import click

from ..errors import UsageError, unknown
from ..store import Store
from ..summary import comparisons
from .presentation import present, present_found
from .shared import json_option, writable


@click.command()
@click.option("--store", "path", type=click.Path(path_type=Path), default=Path("runs/rnngrad.db"), show_default=True)
@click.option("--task", "name", help="Only the runs of this task.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the figures; the store's by default.")
@json_option
def report(path: Path, name: str | None, out: Path | None, as_json: bool) -> None:
    """Tables and figures again, from stored rows, without training."""
    store = Store(path, create=False)
    try:
        runs, experiments = store.runs(), store.experiments()
        if not runs and not experiments:
            raise UsageError(f"the store {path} has no runs: train some with `rnngrad task`")
        tasks = sorted({run["task"] for run in runs})
        if name and name not in tasks:
            raise unknown("stored task", name, tasks)
        wanted = [run for run in runs if name in (None, run["task"])]
        folder = writable(out or path.parent)
        if wanted:
            present(comparisons(wanted), store, folder, as_json)
        if experiments and not name:
            present_found(store, folder, as_json)
    except UsageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the store {path} has a row that no rnngrad wrote ({error!r}): restore it") from None
    finally:
        store.close()
