"""Runs of the store to the terminal: tables and sentences, or JSON, and the figures' paths."""

import json
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from ..store import Row, Store
from ..summary import Comparison, medians, regulariser
from ..tables import on_terminal, sentences, terminal_table, turned
from .shared import json_line, wrapped

if TYPE_CHECKING:
    from ..report import Found, Swept


def present(found: Sequence[Comparison], store: Store, out: Path, as_json: bool) -> list[Path]:
    """Prints each comparison and draws its figures; returns the paths of what was written."""
    from .. import report  # seaborn takes as long to import as torch, and training need not wait for it

    files: list[Path] = []
    for comparison in found:
        files += report.draw(comparison, store, out)
        if as_json:
            _print_json(comparison, store)
        else:
            console = Console(width=None if sys.stdout.isatty() else 160)
            console.print(terminal_table(comparison))
            click.echo("\n".join(wrapped(sentence) for sentence in sentences(comparison)))
    say_files(files, store, "runs", as_json)
    return files


def swept_of(found: Sequence[Comparison]) -> "list[Swept]":
    """The comparisons of several lags, joined over them."""
    from .. import report  # seaborn takes as long to import as torch, and training need not wait for it

    return report.swept(found)


def present_swept(found: "Sequence[Swept]", store: Store, out: Path, as_json: bool) -> list[Path]:
    """Prints what runs at several lags show together, and draws that; returns the paths of what was written."""
    from .. import report  # seaborn takes as long to import as torch, and training need not wait for it

    files: list[Path] = []
    for swept in found:
        files += report.draw_swept(swept, store, out)
        if as_json:
            _print_swept_json(swept)
        else:
            _print_swept(swept)
    say_files(files, store, "runs", as_json)
    return files


def _print_swept_json(swept: "Swept") -> None:
    for event, rows in {"lag": swept.outcomes, "half": swept.halves, "between": swept.between}.items():
        for row in rows:
            click.echo(json_line({"event": event, **row}))


def _print_swept(swept: "Swept") -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in swept.parts[:2]:  # the tests between cells are too wide for a terminal, and in the file
        console.print(on_terminal(part.title, part.lines, part.caption))
    click.echo("\n".join(wrapped(sentence) for sentence in swept.sentences))


def present_found(store: Store, out: Path, as_json: bool, only: int | None = None) -> list[Path]:
    """Prints what the experiments found, or one of them, and draws their figures; returns the paths."""
    from .. import report  # seaborn takes as long to import as torch, and measuring need not wait for it

    files: list[Path] = []
    for found in report.found(store, only):
        files += report.draw_found(found, out)
        _print_found(found, as_json)
    say_files(files, store, "numbers", as_json)
    return files


def present_reruns(
    runs: Sequence[Row], missing: Sequence[tuple[Row, float | None]], store: Store, out: Path, as_json: bool
) -> list[Path]:
    """Prints published beside measured numbers and draws the figures; returns the paths of what was written.

    missing: cards of settings that have no trial yet, with the seconds that they would take.
    """
    from .. import report  # seaborn takes as long to import as torch, and trials need not wait for it

    files: list[Path] = []
    for own in report.rerunning(runs, missing):
        files += report.draw_reruns(own, store, out)
        if as_json:
            for row in own.rows:
                click.echo(json_line({"event": "rerun", **row}))
            for row in own.wrong:
                click.echo(json_line({"event": "wrong", **row}))
        else:
            console = Console(width=None if sys.stdout.isatty() else 200)
            console.print(on_terminal(own.title, turned(own.lines), own.caption))
            click.echo("\n".join(wrapped(sentence) for sentence in own.sentences))
    say_files(files, store, "trials", as_json)
    return files


def say_files(files: Sequence[Path], store: Store, what: str, as_json: bool) -> None:
    """Names the files that were written, and where the rows are."""
    if as_json:
        click.echo(json.dumps({"event": "files", "files": [str(f) for f in files], "store": str(store.path)}))
    else:
        click.echo("\n".join([*(f"wrote {file}" for file in files), f"{what} in {store.path}"]))


def _print_found(found: "Found", as_json: bool) -> None:
    if as_json:
        for row in found.printed:
            click.echo(json_line(row))
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in found.parts:
        console.print(on_terminal(part.title, part.lines))
    click.echo("\n".join(wrapped(sentence) for sentence in found.sentences))


def print_runs(found: Sequence[Comparison]) -> None:
    """One JSON object for every run."""
    for run in (run for comparison in found for line in comparison.lines for run in line.runs):
        click.echo(json_line({"event": "run", **_run_event(run), **regulariser(run)}))


def _print_json(comparison: Comparison, store: Store) -> None:
    ends = {run["id"]: store.measures(run["id"])[-1:] for line in comparison.lines for run in line.runs}
    for line in comparison.lines:
        for run in line.runs:
            measures = _measures(ends[run["id"]])
            click.echo(json_line({"event": "run", **_run_event(run), **regulariser(run), "measures_end": measures}))
    for line in comparison.lines:
        measures = _measures([row for run in line.runs for row in ends[run["id"]]])
        summary = {**line.summary(), **regulariser(line.runs[0]), "measures_end": measures}
        click.echo(json_line({"event": "summary", **summary}))


def _measures(rows: Sequence[Row]) -> Row:
    """The medians of the measures, an infinite one as null."""
    found = medians([row["measures"] for row in rows])
    return {name: value if value is not None and isfinite(value) else None for name, value in found.items()}


def _run_event(run: Row) -> Row:
    names = (
        *("task", "problem", "protocol", "cell", "init", "hidden", "lr", "seed", "lag", "length", "minimal_lag"),
        *("status", "steps_to_solve", "steps", "diverged_at", "test_loss"),
        *("grad_first_over_last_init", "grad_first_over_last_end", "horizon", "seconds", "device", "engine"),
    )
    return {
        **{name: run[name] for name in names},
        "solved": bool(run["solved"]),
        "held": None if run["held"] is None else bool(run["held"]),
        "baseline": next(iter(run["baselines"].values())),
        **run["scores"],
    }
