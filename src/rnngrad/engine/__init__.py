"""Engines: cells unrolled over time. One interface, interchangeable implementations.

An engine is a module with ``name``, ``supports(cell, dtype, device)`` and
``unroll(cell, params, x, keep, state=None, tap=None)``; the reference says what each means.
"""

from typing import Protocol

import torch
from torch import Tensor

from ..cells import Cell, Params
from ..errors import UsageError, unknown
from . import cpu, reference
from .tap import Tap


class Engine(Protocol):
    """What every engine offers; :mod:`rnngrad.engine.reference` documents it."""

    name: str
    log_safe: bool
    """Whether the norms that its taps hear have an unlimited range."""

    def supports(self, cell: Cell, dtype: torch.dtype, device: torch.device) -> bool: ...

    def unroll(
        self, cell: Cell, params: Params, x: Tensor, keep: int, state: Tensor | None = None, tap: Tap | None = None
    ) -> Tensor: ...

    def kept_bytes(
        self, cell: Cell, replicas: int, steps: int, batch: int, inputs: int, hidden: int, grad: bool = True
    ) -> int: ...


ENGINES: dict[str, Engine] = {"reference": reference, "cpu": cpu}
"""From the slowest to the fastest."""


def choose(cell: Cell, dtype: torch.dtype, device: torch.device, name: str = "auto") -> Engine:
    """The engine of that name, or, of ``auto``, the fastest that supports the cell, dtype and device.

    Raises UsageError if the named one does not.
    """
    if name == "auto":
        return next(engine for engine in reversed(ENGINES.values()) if engine.supports(cell, dtype, device))
    if name not in ENGINES:
        raise unknown("engine", name, ("auto", *ENGINES))
    if not ENGINES[name].supports(cell, dtype, device):
        raise UsageError(f"engine '{name}' cannot run cell '{cell.name}' in {dtype} on {device}: use 'auto'")
    return ENGINES[name]


__all__ = ["ENGINES", "Engine", "Tap", "choose"]
