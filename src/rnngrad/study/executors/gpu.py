"""A GPU of its own for every worker process of a machine."""

import fcntl
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

import torch

from ...errors import UsageError


@cache
def claim() -> int:
    """The number of a GPU that no other process of this machine has claimed; this one keeps it until it ends.

    By locks on files, which the system gives back however a process ends. Raises UsageError if all are taken.
    """
    for number in range(torch.cuda.device_count()):
        file = (Path(tempfile.gettempdir()) / f"rnngrad-gpu-{number}.lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        return number
    raise UsageError(
        f"--per-worker-gpu: this machine has {torch.cuda.device_count()} GPUs, and as many workers have one; "
        "start fewer workers"
    )


_held: list[IO[str]] = []
