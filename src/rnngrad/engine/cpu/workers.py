"""Tasks over threads. The kernels release the interpreter's lock, so plain threads run them side by side.

Threads of one's own, not numba's: numba's default pool aborts the process when two threads enter it at once, and
compiling its parallel loops takes longer than compiling the kernels. And bare queues: what a futures executor does
around a task takes longer than the task at short lags.
"""

import os
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue
from threading import Thread

import torch

_jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
_helpers: list[Thread] = []


def _forget() -> None:
    """A forked child has the queue but none of the threads that read it."""
    global _jobs
    _jobs = SimpleQueue()
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


_taken: list[int] = []


def take_threads() -> None:
    """Take torch's threads (OMP_NUM_THREADS, else one a core) for the kernels and leave torch one.

    Beside the kernels torch has only small operations left. Sharing each of them out costs more than it saves, and on
    a busy machine, where a thread that spins at a barrier waits for one that is not running, a hundred times more.
    """
    if not _taken:
        _taken.append(torch.get_num_threads())
        torch.set_num_threads(1)


def threads() -> int:
    """How many threads work: those taken from torch, else as many as torch's."""
    return _taken[0] if _taken else torch.get_num_threads()


def run(task: Callable[..., None], arguments: Sequence[tuple[int, ...]]) -> None:
    """Call ``task(*a)`` for every a. The caller works too; whoever is free takes the next."""
    helpers = min(threads(), len(arguments)) - 1
    ticket, ends = count(), SimpleQueue[BaseException | None]()

    def work() -> None:
        while (number := next(ticket)) < len(arguments):
            task(*arguments[number])

    def help_out() -> None:
        try:
            work()
        except BaseException as error:  # the caller's to see
            ends.put(error)
        else:
            ends.put(None)

    _hire(helpers)
    for _ in range(helpers):
        _jobs.put(help_out)
    try:
        work()
    finally:
        errors = [ends.get() for _ in range(helpers)]
    for error in errors:
        if error is not None:
            raise error


def _hire(helpers: int) -> None:
    """At least so many threads wait for jobs."""
    while len(_helpers) < helpers:
        _helpers.append(Thread(target=_serve, args=(_jobs,), name="rnngrad", daemon=True))
        _helpers[-1].start()


def _serve(jobs: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()
