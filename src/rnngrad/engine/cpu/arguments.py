"""What the fused engine takes: checked before any kernel runs, since a kernel reads memory without looking."""

import torch
from torch import Tensor

from ...cells import Cell, Params
from ...errors import UsageError

CELLS = ("rnn", "rnn_relu", "rnn_identity", "lstm", "gru")
DTYPES = (torch.float32, torch.float64)


def checked(cell: Cell, params: Params, x: Tensor, keep: int, state: Tensor | None) -> tuple[Tensor, ...]:
    """(x, state, weight_ih, weight_hh, bias_ih, bias_hh), contiguous. Raises UsageError for what does not fit."""
    if cell.name not in CELLS:
        raise UsageError(f"cell: engine 'cpu' knows {', '.join(CELLS)}, got '{cell.name}'")
    missing = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"} - params.keys()
    if missing:
        raise UsageError(f"params: '{min(missing)}' is missing")
    _fits("x", x, (None, None, None, None), x)
    replicas, steps, batch, inputs = x.shape
    if min(x.shape) < 1:
        raise UsageError(f"x: every size of (R, T, B, I) must be at least 1, got {tuple(x.shape)}")
    if not isinstance(keep, int) or not 1 <= keep <= steps:
        raise UsageError(f"keep: expected a whole number from 1 to T = {steps}, got {keep!r}")
    _fits("weight_hh", params["weight_hh"], (replicas, None, None), x)
    hidden = params["weight_hh"].shape[2]
    if hidden < 1:
        raise UsageError("weight_hh: the hidden width must be at least 1, got 0")
    weights = []
    for name, shape in cell.shapes(inputs, hidden).items():
        _fits(name, params[name], (replicas, *shape), x)
        weights.append(params[name].contiguous())
    width = cell.state_width(hidden)
    if state is None:
        state = x.new_zeros(replicas, batch, width)
    _fits("state", state, (replicas, batch, width), x)
    return (x.contiguous(), state.contiguous(), *weights)


def _fits(name: str, value: Tensor, shape: tuple[int | None, ...], x: Tensor) -> None:
    """Raise unless ``value`` is a dense CPU tensor of that shape (None: any size) and of x's dtype."""
    if not isinstance(value, Tensor):
        raise UsageError(f"{name}: expected a tensor, got {type(value).__name__}")
    if value.device.type != "cpu" or value.layout != torch.strided:
        raise UsageError(f"{name}: expected a dense tensor on the cpu, got {value.layout} on {value.device}")
    if value.dtype not in DTYPES:
        raise UsageError(f"{name}: expected float32 or float64, got {value.dtype}")
    if value.dtype != x.dtype:
        raise UsageError(f"{name}: expected {x.dtype} as x has it, got {value.dtype}")
    if len(shape) != value.dim() or any(want not in (None, got) for want, got in zip(shape, value.shape, strict=True)):
        wanted = tuple("any" if want is None else want for want in shape)
        raise UsageError(f"{name}: expected shape {wanted}, got {tuple(value.shape)}".replace("'", ""))
