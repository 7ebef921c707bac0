"""What is probed: a net and the data that it runs on, one of each for every seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..cards import CellSpec
from ..cells import CELLS, initialise
from ..engine import choose
from ..errors import UsageError
from ..flow.measure import Loss
from ..memory import require, update_bytes
from ..models import Recurrent
from ..streams import generator

CPU = torch.device("cpu")
SMALLER = "use a shorter --lag, a smaller --batch or --hidden"


@dataclass(frozen=True)
class Case:
    """One net on one batch. x: (T, B, I), or (B, T, I) where the module is ``batch_first``; loss: of the last output.

    ``warmup``: steps that the exponents leave out at the start.
    """

    seed: int
    module: Any
    x: Tensor
    warmup: int
    loss: Loss | None = None

    def on(self, samples: int) -> Tensor:
        """x of the first samples alone."""
        return self.x[:samples] if _batch_first(self.module) else self.x[:, :samples]


@dataclass(frozen=True)
class Subject:
    """A net with a name, and how to make its case for each of its seeds."""

    label: str
    seeds: range
    make: Callable[[int], Case]


@dataclass(frozen=True)
class Data:
    """Sequences of independent standard normal numbers; ``warmup`` None leaves out a quarter of the steps."""

    lag: int
    batch: int
    inputs: int
    warmup: int | None = None

    def check(self) -> None:
        """Raises UsageError where the exponents have no two steps, or the numbers alone do not fit into memory."""
        if self.lag < self.discarded + 2:
            raise UsageError(
                f"'--lag' {self.lag} is too short for a warm-up of {self.discarded} steps: exponents need two more, so "
                f"give --lag {self.discarded + 2} or a shorter --warmup"
            )
        copies_in_float64 = 3
        require(copies_in_float64 * 8 * self.lag * self.batch * self.inputs, CPU, SMALLER)

    @property
    def discarded(self) -> int:
        """Steps that the exponents leave out."""
        return self.lag // 4 if self.warmup is None else self.warmup

    def case(self, seed: int, module: Any) -> Case:
        """The module on this seed's sequences."""
        x = torch.randn(self.lag, self.batch, self.inputs, generator=generator(seed, "probe"))
        return Case(seed, module, x.transpose(0, 1) if _batch_first(module) else x, self.discarded)


def cell_subject(spec: CellSpec, data: Data, seeds: range) -> Subject:
    """A built-in cell with a read-out of one number, which is the loss, freshly initialised for each seed.

    Raises UsageError for an initialisation that does not fit, data too short, and a size that does not fit into memory.
    """
    cell = CELLS[spec.name]
    initialise(spec.init, cell, 1, 1, 1, data.lag, generator(0, "init"))
    data.check()
    engine = choose(cell, torch.float64, CPU)
    require(update_bytes(engine, cell, 1, data.lag, data.batch, data.inputs, spec.hidden, 0), CPU, SMALLER)

    def make(seed: int) -> Case:
        return data.case(seed, Recurrent.seeded(cell, spec.init, data.inputs, spec.hidden, 1, data.lag, [seed]))

    return Subject(cell_label(spec), seeds, make)


def cell_label(spec: CellSpec) -> str:
    """NAME:INIT, without an initialisation that goes without saying."""
    return spec.name if spec.init == "default" else spec.label


def _batch_first(module: Any) -> bool:
    return isinstance(module, nn.RNNBase) and module.batch_first
