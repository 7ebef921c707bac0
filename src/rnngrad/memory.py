"""Will it fit? Estimates are made before a run starts, so that a size too large is refused and not killed."""

from math import prod

import psutil
import torch

from .cells import Cell
from .errors import UsageError

WEIGHT_COPIES = 8
"""Float32 copies of the weights at once: model, working copy, gradient twice, Adam's two moments, a float64 copy."""


def training_bytes(cell: Cell, replicas: int, steps: int, batch: int, inputs: int, hidden: int, outputs: int) -> int:
    """Peak bytes of one update or one flow measurement, whichever is larger, weights included; an upper estimate.

    The reference engine's graph keeps, per step and sample, the projected input, the pre-activations and every
    intermediate of the step: about three times the gates and four times the state, in float32, gradients included.
    The flow keeps projected inputs and states in float64.
    """
    gates, state = cell.gates * hidden, cell.state_width(hidden)
    update = 4 * (4 * inputs + 4 * gates + 5 * state + 4 * outputs)
    flow = 8 * (2 * inputs + gates + state)
    weights = sum(prod(shape) for shape in cell.shapes(inputs, hidden).values()) + (hidden + 1) * outputs
    return replicas * (steps * batch * max(update, flow) + WEIGHT_COPIES * 4 * weights)


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
