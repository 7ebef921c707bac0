"""What several commands need: options, folders, threads, lines of text."""

import json
import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from ..store import Row

if TYPE_CHECKING:
    import torch


def set_threads(_: click.Context, __: click.Parameter, count: int | None) -> None:
    """As OMP_NUM_THREADS would have: torch's threads, which the CPU engine takes over."""
    import torch  # which takes a second, and not every command needs it

    if count:
        torch.set_num_threads(count)


CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

threads_option = click.option(
    "--threads",
    type=click.IntRange(1, CORES),
    callback=set_threads,
    expose_value=False,
    help="Threads to compute on; OMP_NUM_THREADS, else one a core, by default.",
)

single_thread_option = click.option(
    "--threads",
    type=click.IntRange(1, CORES),
    default=1,
    show_default=True,
    callback=set_threads,
    expose_value=False,
    help="Threads to compute on. The products are small: more than one slows down where the machine has other work.",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line on stdout, and nothing else."
)


def choose_device(name: str) -> "torch.device":
    """The device that was asked for; ``auto`` takes a GPU if there is one."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def prepare_kernels(quiet: bool) -> None:
    """Leaves torch's threads to the CPU engine and gets its kernels ready."""
    from ..engine import cpu

    cpu.take_threads()
    announced(cpu.prepare, quiet)


def announced(prepare: Callable[[], float], quiet: bool) -> None:
    """Gets kernels ready; where they must be compiled, says so. ``prepare`` gives the seconds that compiling took."""
    notice = Timer(
        2.0, lambda: click.echo("compiling the kernels, once on this machine: about half a minute", err=True)
    )
    if not quiet:
        notice.start()
    try:
        seconds = prepare()
    finally:
        notice.cancel()
    if seconds and not quiet:
        click.echo(f"compiled in {seconds:.0f} s", err=True)


def wrapped(text: str) -> str:
    """Broken between words to the terminal's width."""
    width = max(40, min(120, shutil.get_terminal_size().columns))
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


@contextmanager
def rows_of(store: Path) -> Iterator[None]:
    """Rows of the store are read and shown. Raises UsageError for one that cannot be."""
    try:
        yield
    except UsageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the store {store} has a row that no rnngrad wrote ({error!r}): restore it") from None


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


def json_line(row: Row) -> str:
    """One line; JSON has no infinity, so the log of a gradient that is exactly 0 is null."""
    return json.dumps(_without_infinity(row))


def _without_infinity(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
