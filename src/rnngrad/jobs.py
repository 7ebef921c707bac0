"""What is computed anywhere and recorded in one place: jobs of runs, and what they report on their way.

A job knows no store and no file; what records its reports knows no model. So it may run in this process, in another
one or on another machine, and be stopped at any tick that has a state and go on from there, elsewhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from typing import Any

import numpy as np
from safetensors.numpy import save

from .measurement import Measurement

Row = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """Where a job stands: arrays by name, and facts that JSON holds."""

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """One evaluation of the run ``key``: columns of the store's tables runs, snapshots and probes, and the weights.

    ``weights`` is a safetensors file as bytes. Of a portion of an experiment it is its ``numbers`` alone, all of them.
    """

    key: str
    outcome: Row = field(default_factory=dict)
    snapshot: Row = field(default_factory=dict)
    probes: tuple[Row, ...] = ()
    weights: bytes = b""
    numbers: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class Tick:
    """One update is done, the job is at ``step``, and these evaluations fell due (often none).

    ``state`` gives where the job stands, and is to be called before it goes on; None where it cannot be resumed.
    """

    step: int
    reports: tuple[Report, ...] = ()
    state: Callable[[], State] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Job(ABC):
    """Runs that are computed together. It can be pickled.

    ``runs``: what is known of each before it starts, columns of the store's table of runs, ``key`` and ``card`` among
    them; the ``key`` alone of a portion of an experiment, which is a run to whatever plans and computes.
    """

    runs: tuple[Row, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(run["key"] for run in self.runs)

    @property
    def name(self) -> str:
        """Fit for a file; the same for the same runs."""
        return sha256(" ".join(sorted(self.keys)).encode()).hexdigest()[:16]

    @property
    @abstractmethod
    def budget(self) -> int:
        """The step at which it ends unless it ends earlier, or a solved run is tested again later."""

    @abstractmethod
    def memory(self, runs: int) -> int:
        """Peak bytes of so many of its runs together, an upper estimate."""

    @abstractmethod
    def ticks(self, state: State | None = None) -> Iterator[Tick]:
        """Computes, from the beginning or from a state that it or another job with these runs gave."""

    @abstractmethod
    def part(self, keys: set[str]) -> "Job":
        """The same with some of its runs alone; their numbers are the same."""


def packed(arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    """A safetensors file as bytes."""
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata)


def key_of(decides: Mapping[str, Any]) -> str:
    """Two runs of one key have the same numbers, on machines that compute alike; ``decides``: all that decides them."""
    return sha256(dumps(decides, sort_keys=True).encode()).hexdigest()[:32]
