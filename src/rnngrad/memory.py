"""Will it fit? Estimates are made before a run starts, so that a size too large is refused and not killed."""

from collections.abc import Sequence
from itertools import pairwise

import psutil
import torch

from .cells import Cell
from .engine import Engine
from .errors import UsageError
from .models import Recurrent

WEIGHT_COPIES = 8
"""Float32 copies of the weights at once: model, working copy, gradient twice, Adam's two moments, a float64 copy."""
LAYERED_COPIES = 5
"""Float64 copies of weights and states at once, of feed-forward nets."""


def update_bytes(
    engine: Engine, cell: Cell, replicas: int, steps: int, batch: int, inputs: int, hidden: int, outputs: int
) -> int:
    """Peak bytes of one update or one flow measurement, weights included; an upper estimate.

    The measurement works in float64, so it keeps at most twice what an update does, beside the data in both and the
    norms of every step. ``outputs`` counts only what the loss reads at every step.
    """
    kept = 2 * engine.kept_bytes(cell, replicas, steps, batch, inputs, hidden)
    data = 4 * replicas * steps * batch * (5 * inputs + 4 * outputs)
    norms = 8 * replicas * steps * (6 * batch + 4 * cell.state_width(hidden))
    weights = Recurrent.weights(cell, inputs, hidden, max(1, outputs))
    return kept + data + norms + WEIGHT_COPIES * 4 * replicas * weights


def layered_bytes(widths: Sequence[int], replicas: int, samples: int) -> int:
    """Peak bytes of one update of feed-forward nets, or of one flow measurement in float64; an upper estimate."""
    weights = sum((below + 1) * own for below, own in pairwise(widths))
    return LAYERED_COPIES * 8 * replicas * (weights + samples * sum(widths))


def available_bytes(device: torch.device) -> int:
    """Free memory of the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def require(needed: int, device: torch.device, remedy: str) -> None:
    """Raises UsageError with both numbers if ``needed`` bytes are more than the device has free."""
    free = available_bytes(device)
    if needed > free:
        raise UsageError(
            f"this size needs about {needed / 2**30:,.1f} GiB and {device} has {free / 2**30:,.1f} GiB free: {remedy}"
        )
