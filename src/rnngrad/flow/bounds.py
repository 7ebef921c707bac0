"""The bounds of theory for a module's own weights, layer by layer."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..cells import CELLS
from ..errors import UsageError
from ..models import Recurrent
from ..theory import Bound, error_flow_bounds, gated_bounds

ACTIVATIONS = {"rnn": "tanh", "rnn_relu": "relu", "rnn_sigmoid": "sigmoid", "rnn_identity": "identity"}
"""The activation of each cell of conventional units."""

PATH_GATES = {"lstm": "f", "gru": "z"}
"""The gate of each gated cell through which its state is handed on."""


@dataclass(frozen=True)
class _Layer:
    """A cell's name and the float64 weights of one layer of it, named as in ``Cell.shapes``."""

    cell: str
    weights: dict[str, NDArray[np.float64]]


def bounds(module: nn.Module | Recurrent) -> list[Bound]:
    """What the theorems say of the gradient through each layer, from its weights alone.

    module: ``nn.RNN`` (tanh or relu), ``nn.LSTM`` or ``nn.GRU``, of any depth, or a ``Recurrent`` of one replica.
    In a stack a layer's bounds are about ∂h_T/∂h_t of that layer, which no other layer enters: what goes up does not
    come back. For gated cells the theorems about conventional units are listed as not satisfied. Raises UsageError for
    another module, bidirectional layers, a projected LSTM, several replicas, or weights that are not finite, by name.
    """
    return [replace(bound, layer=k) for k, layer in enumerate(_layers(module)) for bound in _bounds_of(layer)]


def _bounds_of(layer: _Layer) -> list[Bound]:
    weight_hh = layer.weights["weight_hh"]
    bias = layer.weights["bias_ih"] + layer.weights["bias_hh"]
    if layer.cell in ACTIVATIONS:
        return error_flow_bounds(weight_hh, bias, ACTIVATIONS[layer.cell])
    gate = gate_rows(layer.cell, weight_hh.shape[1])
    return gated_bounds(layer.cell, bias[gate], weight_hh, layer.weights["weight_ih"][gate])


def gate_rows(cell: str, hidden: int) -> slice:
    """The rows of a gated cell's weights that belong to the gate through which its state is handed on."""
    first = CELLS[cell].gate_names.index(PATH_GATES[cell]) * hidden
    return slice(first, first + hidden)


def _layers(module: nn.Module | Recurrent) -> list[_Layer]:
    if isinstance(module, Recurrent):
        return [_of_recurrent(module)]
    if isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        return _of_torch(module)
    raise UsageError(
        f"bounds knows nn.RNN, nn.LSTM, nn.GRU and rnngrad's own models, got {type(module).__name__}: "
        "the theorems are about the recurrent weights of a known cell"
    )


def _of_recurrent(model: Recurrent) -> _Layer:
    params = model.params()
    replicas = len(model.theta)
    if replicas != 1:
        raise UsageError(f"bounds takes one replica at a time, got {replicas}: give model.select([0]) for the first")
    names = model.cell.shapes(1, 1)
    return _Layer(model.cell.name, {name: _array(name, params[name][0]) for name in names})


def _of_torch(module: nn.RNN | nn.LSTM | nn.GRU) -> list[_Layer]:
    if module.bidirectional:
        raise UsageError("bounds needs a net that runs in one direction, got bidirectional=True")
    if module.proj_size:
        raise UsageError(f"bounds does not know an LSTM with projections, got proj_size={module.proj_size}: use 0")
    if isinstance(module, nn.RNN):
        cell = {"tanh": "rnn", "relu": "rnn_relu"}[module.nonlinearity]
    else:
        cell = "lstm" if isinstance(module, nn.LSTM) else "gru"
    return [_Layer(cell, _layer_weights(module, f"_l{k}")) for k in range(module.num_layers)]


def _layer_weights(module: nn.RNNBase, suffix: str) -> dict[str, NDArray[np.float64]]:
    """The weights of one layer; biases that the module does without are 0."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if module.bias else 2]
    weights = {name: _array(name + suffix, getattr(module, name + suffix)) for name in names}
    none = np.zeros(len(weights["weight_hh"]))
    return {"bias_ih": none, "bias_hh": none} | weights


def _array(name: str, weight: Tensor) -> NDArray[np.float64]:
    """The weight in float64, which must be finite."""
    values: NDArray[np.float64] = weight.detach().cpu().double().numpy()
    if not np.isfinite(values).all():
        raise UsageError(f"{name} holds NaN or infinite values: there is nothing to bound")
    return values
