"""Tasks over threads. The kernels release the interpreter's lock, so plain threads run them side by side.

A pool of one's own, not numba's: numba's default pool aborts the process when two threads enter it at once, and
compiling its parallel loops takes longer than compiling the kernels.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import torch

_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):  # a forked child has the pool's lock but none of its threads
    os.register_at_fork(after_in_child=_pools.clear)


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
    workers = min(threads(), len(arguments))
    ticket = count()

    def work() -> None:
        while (number := next(ticket)) < len(arguments):
            task(*arguments[number])

    if workers == 1:
        work()
        return
    if workers not in _pools:
        _pools[workers] = ThreadPoolExecutor(workers - 1, thread_name_prefix="rnngrad")
    helpers = [_pools[workers].submit(work) for _ in range(workers - 1)]
    work()
    for helper in helpers:
        helper.result()
