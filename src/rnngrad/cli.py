"""The command ``rnngrad``."""

import io
import json
import os
import shlex
import shutil
import signal
import sqlite3
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from threading import Timer
from typing import Any

import click
import torch
from rich.console import Console

from . import cards, study
from .cards import Card, CellSpec, override
from .cells import CELLS, INITS
from .engine import ENGINES, cpu
from .ensemble import Ensemble
from .errors import UsageError, unknown
from .problems import PROBLEMS
from .progress import Progress
from .store import Row, Store
from .summary import Comparison, comparisons
from .tables import sentences, terminal_table

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LARGEST_SEED = 2**62  # the store's integers have 63 bits


def set_threads(_: click.Context, __: click.Parameter, count: int | None) -> None:
    """As OMP_NUM_THREADS would have: torch's threads, which the CPU engine takes over."""
    if count:
        torch.set_num_threads(count)


threads_option = click.option(
    "--threads",
    type=click.IntRange(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    callback=set_threads,
    expose_value=False,
    help="Threads to compute on; OMP_NUM_THREADS, else one a core, by default.",
)


@click.group(context_settings=HELP)
@click.version_option(package_name="rnngrad")
def command() -> None:
    """The reference laboratory for long-term dependencies in recurrent networks."""


@command.command()
@click.argument("name", metavar="TASK")
@click.option("--lag", type=int, help="Nominal length T of the task.")
@click.option("--cell", "cell_names", multiple=True, metavar="NAME[:INIT]", help="Cell to train; may be repeated.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many seeds each cell gets."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option("--hidden", type=int, help="Hidden width of every cell.")
@click.option("--batch", type=int, help="Sequences per update.")
@click.option("--lr", type=float, help="Learning rate of every cell, instead of each one's tuned rate.")
@click.option("--steps", type=int, help="Budget: updates after which an unsolved run ends.")
@click.option("--protocol", help="Variant of the problem; see `rnngrad list problems`.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--engine", type=click.Choice(["auto", *ENGINES]), default="auto", show_default=True, help="What unrolls."
)
@threads_option
@click.option(
    "--probe-every", type=click.IntRange(min=1), metavar="N", help="Measure the flow at every N-th update as well."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line on stdout, and nothing else.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def task(
    name: str,
    seeds: int,
    seed: int,
    device: str,
    engine: str,
    probe_every: int | None,
    out: Path,
    as_json: bool,
    quiet: bool,
    **overrides: Any,
) -> None:
    """Train the cells of a task card and measure their gradient flow.

    TASK is the name of a shipped card (see `rnngrad list tasks`) or the path of your own, which ends in .toml.
    Flags override the card. Every evaluation is in the store, OUT/rnngrad.db, at once.
    """
    card = resolved(cards.load(name), **overrides)
    chosen = choose_device(device)
    if seed + seeds > LARGEST_SEED:
        raise UsageError(f"'--seed' and '--seeds': the last seed must be under {LARGEST_SEED}")
    typed = shlex.join(["rnngrad", *sys.argv[1:]])
    ensembles = (
        planned := study.Study(card, range(seed, seed + seeds), chosen, typed, engine, probe_every)
    ).ensembles()
    if (out / "weights").exists() and not (out / "weights").is_dir():
        raise UsageError(f"{out / 'weights'} is no folder, and the weights go there: choose another --out")
    store = Store(writable(out) / "rnngrad.db")
    (out / "weights").mkdir(exist_ok=True)
    if not quiet:
        click.echo(wrapped(starting(device, ensembles)), err=True)
    if any(ensemble.engine is cpu for ensemble in ensembles):
        prepare_kernels(quiet)
    recorders = [study.Recorder(planned, ensemble, store, out / "weights") for ensemble in ensembles]
    try:
        with Progress(ensembles, quiet) as progress:
            study.run(recorders, progress)
    finally:
        ids = {run for recorder in recorders for run in recorder.ids}
        if ids:
            present(comparisons([run for run in store.runs() if run["id"] in ids]), store, out, as_json)
        store.close()


@command.command(name="bench")
@click.option("--case", "words", multiple=True, metavar="CELL:B:T:H[:R]", help="Measure this instead; may be repeated.")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Turns of every contender.")
@threads_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line on stdout, and nothing else.")
def bench_(words: Sequence[str], rounds: int, as_json: bool) -> None:
    """Time a training step: the CPU engine beside torch.nn and the Python loop.

    About five minutes for the whole table. Use an idle machine.
    """
    from . import bench

    cases = [bench.Case.parse(word) for word in words] or bench.DEFAULT
    with bench.prepared() as threads:
        prepare_kernels(quiet=as_json)
        if not as_json:
            click.echo(bench.heading())
        for case in cases:
            row = bench.measure(case, rounds, threads)
            click.echo(json.dumps(row) if as_json else bench.line(row))


@command.command(name="list")
@click.argument("what", metavar="problems|cells|inits|tasks")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line on stdout.")
def list_(what: str, as_json: bool) -> None:
    """What there is to choose from."""
    kinds: dict[str, Callable[[], list[Row]]] = {
        "problems": _problem_rows,
        "cells": lambda: [_described(name, cell) for name, cell in CELLS.items()],
        "inits": lambda: [_described(name, init) for name, init in INITS.items()],
        "tasks": _task_rows,
    }
    if what not in kinds:
        raise unknown("list", what, kinds)
    for row in kinds[what]():
        if as_json:
            click.echo(json.dumps(row))
        else:
            text = "; ".join(str(v) for k, v in row.items() if k != "name" and v)
            click.echo(textwrap.fill(text, 100, initial_indent=f"{row['name']:<14}", subsequent_indent=" " * 14))


@command.command(name="report")
@click.option("--store", "path", type=click.Path(path_type=Path), default=Path("runs/rnngrad.db"), show_default=True)
@click.option("--task", "name", help="Only the runs of this task.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the figures; the store's by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line on stdout, and nothing else.")
def report_(path: Path, name: str | None, out: Path | None, as_json: bool) -> None:
    """Tables and figures again, from stored rows, without training."""
    store = Store(path, create=False)
    try:
        runs = store.runs()
        if not runs:
            raise UsageError(f"the store {path} has no runs: train some with `rnngrad task`")
        tasks = sorted({run["task"] for run in runs})
        if name and name not in tasks:
            raise unknown("stored task", name, tasks)
        wanted = [run for run in runs if name in (None, run["task"])]
        present(comparisons(wanted), store, writable(out or path.parent), as_json)
    except UsageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the store {path} has a row that no rnngrad wrote ({error!r}): restore it") from None
    finally:
        store.close()


def resolved(card: Card, **flags: Any) -> Card:
    """The card with the flags that were given in place of its own values, checked again as a whole."""
    problem = override(card.problem, lag=flags["lag"], protocol=flags["protocol"])
    training = override(card.training, batch=flags["batch"], lr=flags["lr"], steps=flags["steps"])
    if flags["lr"] is not None:
        training = replace(training, tuned={})
    specs = card.cells
    if flags["cell_names"]:
        specs = tuple(CellSpec.parse(text, card.cells[0].hidden) for text in flags["cell_names"])
    specs = tuple(dict.fromkeys(override(spec, hidden=flags["hidden"]) for spec in specs))
    card = replace(card, problem=problem, training=training, cells=specs)
    card.check()
    return card


def choose_device(name: str) -> torch.device:
    """The device that was asked for; ``auto`` takes a GPU if there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def starting(asked: str, ensembles: Sequence[Ensemble]) -> str:
    """The first line on stderr: what runs where, and what ``auto`` took."""
    device = ensembles[0].device
    reason = " (no CUDA device found)" if asked == "auto" and device.type == "cpu" else ""
    engines = ", ".join(dict.fromkeys(e.engine.name for e in ensembles))
    seeds = len(ensembles[0].seeds)
    return f"cells: {len(ensembles)}, seeds each: {seeds}, on {study.device_name(device)}{reason}, engine {engines}"


def prepare_kernels(quiet: bool) -> None:
    """Leaves torch's threads to the CPU engine and gets its kernels ready; where they must be compiled, says so."""
    cpu.take_threads()
    notice = Timer(
        2.0, lambda: click.echo("compiling the kernels, once on this machine: about half a minute", err=True)
    )
    if not quiet:
        notice.start()
    try:
        seconds = cpu.prepare()
    finally:
        notice.cancel()
    if seconds and not quiet:
        click.echo(f"compiled in {seconds:.0f} s", err=True)


def wrapped(text: str) -> str:
    """Broken between words to the terminal's width."""
    return textwrap.fill(text, max(40, min(120, shutil.get_terminal_size().columns)), break_on_hyphens=False)


def writable(folder: Path) -> Path:
    """The folder, made if need be. Raises UsageError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to the output folder {folder}: {error.strerror}; choose one with --out"
        ) from None
    return folder


def present(found: Sequence[Comparison], store: Store, out: Path, as_json: bool) -> None:
    """Prints each comparison and draws its figures."""
    from . import report  # seaborn takes as long to import as torch, and training need not wait for it

    files = []
    for comparison in found:
        files += report.draw(comparison, store, out)
        if as_json:
            _print_json(comparison)
        else:
            console = Console(width=None if sys.stdout.isatty() else 160)
            console.print(terminal_table(comparison))
            click.echo("\n".join(wrapped(sentence) for sentence in sentences(comparison)))
    if as_json:
        click.echo(json.dumps({"event": "files", "files": [str(f) for f in files], "store": str(store.path)}))
    else:
        click.echo("\n".join([*(f"wrote {file}" for file in files), f"runs in {store.path}"]))


def _print_json(comparison: Comparison) -> None:
    for line in comparison.lines:
        for run in line.runs:
            click.echo(_json({"event": "run", **_run_event(run)}))
    for line in comparison.lines:
        click.echo(_json({"event": "summary", **line.summary()}))


def _json(row: Row) -> str:
    """One line; JSON has no infinity, so the log of a gradient that is exactly 0 is null."""
    return json.dumps({key: None if isinstance(v, float) and not isfinite(v) else v for key, v in row.items()})


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


def _described(name: str, thing: Any) -> Row:
    """Name and the first sentence of the docstring."""
    doc = " ".join((thing.__doc__ or "").split("\n\n")[0].split())
    return {"name": name, "about": doc}


def _problem_rows() -> list[Row]:
    return [
        {
            **_described(name, problem),
            "protocols": ", ".join(f"{p} (lag {least} or more)" for p, least in problem.protocols.items()),
        }
        for name, problem in PROBLEMS.items()
    ]


def _task_rows() -> list[Row]:
    rows = []
    for name, path in cards.shipped().items():
        card = cards.read(path)
        cells = ", ".join(spec.label for spec in card.cells)
        rows.append({"name": name, "title": card.task.title, "cells": cells, "paper": card.task.paper})
    return rows


def main() -> None:
    """Runs the command: exit 0 done, 1 the run failed, 2 the words were wrong, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: the runs are marked as interrupted
    sys.stdout = sys.stdout or io.StringIO()  # closed by the caller
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters gets question marks
    try:
        code = command.main(prog_name="rnngrad", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except (UsageError, click.UsageError) as error:
        message = error.format_message() if isinstance(error, click.UsageError) else str(error)
        sys.exit(_complain(message, 2))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(_complain("interrupted; what was evaluated before is in the store", 130))
    except (OSError, sqlite3.Error) as error:
        sys.exit(_complain(f"the run failed: {error}", 1))
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    click.echo("rnngrad: " + " ".join(message.split()), err=True)
    return code
