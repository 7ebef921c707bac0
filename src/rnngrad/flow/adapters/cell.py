"""rnngrad's own cells: a model with one replica, or a pair (cell, params)."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cells import Cell, Params
from ...engine import reference
from ...errors import UsageError
from ...models import Recurrent
from ..inputs import State, check_sequence, check_state, tensors_of
from ..recurrent import RecurrentChain

over_time = True


class CellNet(nn.Module):
    """A cell with the weights of one replica, and a read-out if there is one among them, as a module of torch."""

    def __init__(self, cell: Cell, params: Params) -> None:
        """params: as ``Cell.shapes`` has them, replica axis in front, perhaps readout_weight and readout_bias."""
        super().__init__()
        self.cell = cell
        for name, weight in params.items():
            self.register_parameter(name, nn.Parameter(weight.detach()))

    @property
    def params(self) -> Params:
        """The weights by name."""
        return dict(self.named_parameters())


def as_module(module: Any) -> Any:
    """A :class:`~rnngrad.models.Recurrent` or a pair (cell, params) as a :class:`CellNet`; all else as it is."""
    if isinstance(module, Recurrent):
        return CellNet(module.cell, module.params())
    if isinstance(module, tuple) and len(module) == 2 and isinstance(module[0], Cell) and isinstance(module[1], dict):
        return CellNet(*module)
    return module


def accepts(module: nn.Module) -> bool:
    """Whether it is a cell with its weights."""
    return isinstance(module, CellNet)


def checked(module: CellNet, x: Tensor) -> Tensor:
    """x, which is (T, B, I). Raises UsageError unless there is one replica with all its weights, and x fits."""
    params = module.params
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        if name not in params:
            raise UsageError(f"params must have '{name}', as Cell.shapes has it, got {', '.join(params) or 'none'}")
    shapes = module.cell.shapes(params["weight_ih"].shape[-1], params["weight_hh"].shape[-1])
    for name, shape in shapes.items():
        if (found := tuple(params[name].shape)) != (1, *shape):
            raise UsageError(f"'{name}' must have shape {(1, *shape)}, one replica in front, got {found}")
    check_sequence(x, params["weight_ih"].shape[-1])
    return x


def chain(module: CellNet, x: Tensor, state: State | None) -> RecurrentChain:
    """One layer; the loss sees the read-out where there is one, else h. state: (B, S), or its parts, each (B, H)."""
    params = {name: weight.detach() for name, weight in module.params.items()}
    return RecurrentChain([(module.cell, params)], x, _start(module, x, state), _read_out(params))


def last_output(module: CellNet, x: Tensor, state: State | None) -> Tensor:
    """By the reference engine, over all steps."""
    start = _start(module, x, state).unsqueeze(0)
    h = reference.unroll(module.cell, module.params, x.unsqueeze(0), 1, start)[0, 0]
    read_out = _read_out(module.params)
    return h if read_out is None else nn.functional.linear(h, *read_out)


def _read_out(params: Params) -> tuple[Tensor, Tensor] | None:
    """Weight (O, H) and bias (O,)."""
    return (params["readout_weight"][0], params["readout_bias"][0]) if "readout_weight" in params else None


def _start(module: CellNet, x: Tensor, state: State | None) -> Tensor:
    shape = (x.shape[1], module.cell.state_width(module.params["weight_hh"].shape[-1]))
    if state is None:
        return x.new_zeros(shape)
    flat = torch.cat(tensors_of(state), dim=-1)
    check_state("state", flat, shape)
    return flat
