"""``rnngrad report``: tables and figures again, and the page that holds them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError, unknown
from ..reruns import is_trial
from ..store import Row, Store
from ..summary import Comparison, comparisons
from .presentation import present, present_found, present_reruns, present_swept, say_files, swept_of
from .shared import json_option, rows_of, writable

if TYPE_CHECKING:
    from ..report import Swept


@click.command()
@click.option("--store", "path", type=click.Path(path_type=Path), default=Path("runs/rnngrad.db"), show_default=True)
@click.option("--task", "name", help="Only the runs of this task.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of a report: figures, README.md and index.html, a page."
)
@json_option
def report(path: Path, name: str | None, out: Path | None, as_json: bool) -> None:
    """Tables and figures again, from stored rows, without training.

    Without --out the figures go beside the store, and there is no page.
    """
    with closing(Store(path, create=False)) as store, rows_of(path):
        store.see_claims()
        runs, experiments = store.runs(), store.experiments()
        if not runs and not experiments:
            raise UsageError(f"the store {path} has no runs: train some with `rnngrad task`")
        tasks = sorted({run["task"] for run in runs})
        if name and name not in tasks:
            raise unknown("stored task", name, tasks)
        chosen = [run for run in runs if name in (None, run["task"])]
        found = comparisons([run for run in chosen if not is_trial(run)])
        trials = [run for run in chosen if is_trial(run)]
        folder = _checked(out, path)
        files = present(found, store, folder, as_json) if found else []
        swept = swept_of(found)
        files += present_swept(swept, store, folder, as_json) if swept else []
        files += present_reruns(trials, (), store, folder, as_json) if trials else []
        if experiments and not name:
            files += present_found(store, folder, as_json)
        if out:
            _write_page(store, found, swept, trials, files, out, name, as_json)


def _checked(out: Path | None, store: Path) -> Path:
    """The folder for the figures. Raises UsageError if it cannot be written, or has another's page."""
    folder = writable(out or store.parent)
    if out:
        from .. import page  # seaborn takes as long to import as torch, and the other commands need not wait for it

        page.refuse_foreign(out)
    return folder


def _write_page(
    store: Store,
    found: Sequence[Comparison],
    swept: "Sequence[Swept]",
    trials: Sequence[Row],
    files: Sequence[Path],
    out: Path,
    name: str | None,
    as_json: bool,
) -> None:
    from .. import page
    from ..report import found as experiments_of
    from ..report import rerunning

    experiments = [] if name else list(experiments_of(store))
    again = rerunning(trials)
    command = ["rnngrad", "report", "--store", str(store.path), *(["--task", name] if name else []), "--out", str(out)]
    say_files(
        page.write(page.contents(store, found, swept, again, experiments, files, command), out), store, "rows", as_json
    )
