"""Where interrupted jobs stand: one safetensors file a job, replaced as a whole."""

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ..jobs import Job, State, packed

DAMAGE = (SafetensorError, OSError, ValueError, KeyError, TypeError)
"""What reading a file raises that is no checkpoint, or a part of one."""


@dataclass(frozen=True)
class Checkpoint:
    """A file, the runs that are in it, and their step."""

    path: Path
    keys: tuple[str, ...]
    step: int

    def state(self) -> State:
        """Everything in it. Raises one of DAMAGE if it cannot be read."""
        with safe_open(self.path, "np") as file:
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            return State(arrays, json.loads(file.metadata()["facts"]))


class Checkpoints:
    """The folder of checkpoints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, job: Job, state: State) -> None:
        """Replaces the job's checkpoint; after a crash there is the earlier one or the new one, whole."""
        self.folder.mkdir(exist_ok=True)
        path = self._path(job)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(packed(state.arrays, {"facts": json.dumps(state.facts), "keys": json.dumps(job.keys)}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)

    def remove(self, job: Job) -> None:
        """Its runs have ended."""
        self._path(job).unlink(missing_ok=True)

    def found(self, warn: Callable[[str], None]) -> list[Checkpoint]:
        """The readable ones, the furthest first; of one that cannot be read ``warn`` is told."""
        readable = []
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                checkpoint = _read(path)
            except DAMAGE as error:
                warn(f"cannot read the checkpoint {path} ({error}): its runs start from the beginning")
            else:
                readable.append(checkpoint)
        return sorted(readable, key=lambda own: -own.step)

    def prune(self, ended: Collection[str]) -> None:
        """Removes those of which all runs have ended."""
        for checkpoint in self.found(lambda _: None):
            if set(checkpoint.keys) <= set(ended):
                checkpoint.path.unlink()

    def _path(self, job: Job) -> Path:
        return self.folder / f"{job.name}.safetensors"


def _read(path: Path) -> Checkpoint:
    """What the file says of itself; its length is checked, its numbers are not read."""
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        return Checkpoint(path, tuple(json.loads(metadata["keys"])), int(json.loads(metadata["facts"])["step"]))
