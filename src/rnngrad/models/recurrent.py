"""Replicas of a recurrent cell with a read-out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from ..cells import Cell, Params, initialise
from ..engine import Engine, Tap
from ..streams import generator
from .replicas import Replicas, stacked


@dataclass(frozen=True, kw_only=True)
class Recurrent(Replicas):
    """R replicas of a recurrent cell with a linear read-out of h."""

    cell: Cell

    @classmethod
    def seeded(
        cls, cell: Cell, init: str, inputs: int, hidden: int, outputs: int, length: int, seeds: Sequence[int]
    ) -> "Recurrent":
        """One replica per seed, each from its own stream, float32 on the CPU.

        ``length`` is the task's nominal length, for initialisations that depend on it. Raises UsageError for an
        initialisation that does not fit the cell.
        """
        replicas = [initialise(init, cell, inputs, hidden, outputs, length, generator(seed, "init")) for seed in seeds]
        shapes, theta = stacked(replicas)
        return cls(cell=cell, shapes=shapes, theta=theta)

    @staticmethod
    def weights(cell: Cell, inputs: int, hidden: int, outputs: int) -> int:
        """P, the number of weights of one replica of these sizes."""
        return sum(prod(shape) for shape in cell.shapes(inputs, hidden).values()) + (hidden + 1) * outputs

    def read_out(self, params: Params, h: Tensor) -> Tensor:
        """h (R, K, B, H) to outputs (R, K, B, O).

        One product per replica: in a batched one a replica's last bits depend on how many others there are.
        """
        triples = zip(h.flatten(1, 2), params["readout_weight"], params["readout_bias"], strict=True)
        outputs = torch.stack([torch.addmm(bias, own, weight.T) for own, weight, bias in triples])
        return outputs.view(*h.shape[:3], -1)

    def outputs(self, params: Params, x: Tensor, keep: int, engine: Engine, tap: Tap | None = None) -> Tensor:
        """The read-out at the last ``keep`` steps: x (R, T, B, I) to (R, keep, B, O)."""
        return self.read_out(params, engine.unroll(self.cell, params, x, keep, tap=tap))
