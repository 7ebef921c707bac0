"""Chains of states with a read-out: ensembles of independently seeded models that run as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .cells import Cell, Params, initialise
from .engine import Engine, Tap
from .streams import generator


@dataclass(frozen=True)
class Recurrent:
    """R replicas of a recurrent cell with a linear read-out of h.

    All weights lie in one matrix ``theta`` (R, P): a row is a replica, whole and apart from the others, so that
    selecting, freezing, clipping, optimising and saving a replica are operations on a row.
    """

    cell: Cell
    shapes: dict[str, tuple[int, ...]]
    theta: Tensor

    @classmethod
    def seeded(
        cls, cell: Cell, init: str, inputs: int, hidden: int, outputs: int, length: int, seeds: Sequence[int]
    ) -> "Recurrent":
        """One replica per seed, each from its own stream, float32 on the CPU.

        ``length`` is the task's nominal length, for initialisations that depend on it. Raises UsageError for an
        initialisation that does not fit the cell.
        """
        replicas = [initialise(init, cell, inputs, hidden, outputs, length, generator(seed, "init")) for seed in seeds]
        shapes = {name: tuple(weight.shape) for name, weight in replicas[0].items()}
        theta = torch.stack([torch.cat([w.flatten() for w in params.values()]) for params in replicas])
        return cls(cell, shapes, theta)

    @property
    def parameters(self) -> int:
        """P, the number of weights of one replica."""
        return self.theta.shape[1]

    def params(self, theta: Tensor | None = None) -> Params:
        """Named weights, replica first, as views of ``theta`` (this model's own, or another of its layout)."""
        source = self.theta if theta is None else theta
        sizes = [torch.Size(shape).numel() for shape in self.shapes.values()]
        return {
            name: part.reshape(-1, *shape)
            for (name, shape), part in zip(self.shapes.items(), torch.split(source, sizes, dim=1), strict=True)
        }

    def select(self, rows: Sequence[int]) -> "Recurrent":
        """A copy of some of the replicas."""
        return Recurrent(self.cell, self.shapes, torch.stack([self.theta[row] for row in rows]))

    def to(self, target: torch.device | torch.dtype) -> "Recurrent":
        """A copy on another device or in another dtype."""
        return Recurrent(self.cell, self.shapes, self.theta.to(target))

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
