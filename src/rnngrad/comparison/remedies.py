"""What keeps a gradient alive in deep nets, and what does the same in recurrent ones, in pairs."""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from torch import Tensor

from ..cells import CELLS
from ..flow.layers import layer_norms
from ..flow.norms import Norms
from ..models import FeedForward, Recurrent
from .bit import Bits, layered, recurrent
from .over_time import Unrolled, batch_normalised, tied, time_norms
from .setting import INPUTS, Setting


class Side(NamedTuple):
    """One net of a pair: its name, the state that is measured, and how to measure it."""

    name: str
    state: str
    norms: Callable[[Setting, Bits], Norms]


class Pair(NamedTuple):
    """A remedy in depth and its counterpart in time."""

    name: str
    depth: Side
    time: Side


def _fed(setting: Setting, x: Tensor, weight: Tensor) -> Tensor:
    """Inputs scaled so that through these weights (R, n, I) they add input_var to the pre-activations."""
    return x * sqrt(setting.input_var / (INPUTS * float(weight.square().mean())))


def _layers(name: str, activation: str = "", init: str = "", norm: str = "none", residual: bool = False) -> Side:
    """A feed-forward net; activation and initialisation are the setting's where none is named."""
    state = "z" if residual else "h"

    def norms_of(setting: Setting, bits: Bits) -> Norms:
        widths = (INPUTS, *[setting.width] * setting.length, 1)
        phi, drawn = activation or setting.activation, init or setting.layer_init
        model = FeedForward.seeded(widths, phi, drawn, setting.seeds, norm, residual).to(setting.device)
        x = _fed(setting, bits.x[:, 0], model.params()["weight_1"]) if init else layered(setting, bits.x)
        norms = layer_norms(model, x, bits.losses, state)
        first = 1 if residual else 0  # z counts from the outputs, h from the last hidden layer
        return Norms(norms.per_sample[first:], norms.of_mean[first:])

    return Side(name, state, norms_of)


def _steps(name: str, cell: str = "", init: str = "") -> Side:
    """A recurrent net; the cell is the setting's where none is named."""

    def norms(setting: Setting, bits: Bits) -> Norms:
        drawn = CELLS[cell or setting.cell], init or setting.cell_init
        model = Recurrent.seeded(*drawn, INPUTS, setting.width, 1, setting.length, setting.seeds).to(setting.device)
        x = _fed(setting, bits.x, model.params()["weight_ih"]) if init else bits.x
        return time_norms(tied(model), bits._replace(x=x))

    return Side(name, "hc" if cell == "lstm" else "h", norms)


def _normalised() -> Side:
    def net(setting: Setting) -> Unrolled:
        return batch_normalised(recurrent(setting), setting.activation)

    return Side("batch norm", "h", lambda setting, bits: time_norms(net(setting), bits))


PAIRS = (
    Pair("plain", _layers("plain"), _steps("plain")),
    Pair("orthogonal", _layers("orthogonal", init="orthogonal"), _steps("orthogonal", init="orthogonal")),
    Pair("scaled for ReLU", _layers("He, ReLU", "relu", "he"), _steps("IRNN, ReLU", "rnn_relu", "identity")),
    Pair(
        "the usual start",
        _layers("Glorot, tanh", "tanh", "glorot"),
        _steps("LSTM, forget bias 1", "lstm", "forget_bias_1"),
    ),
    Pair(
        "a way around", _layers("residual", residual=True), _steps("LSTM, carousel (f = 1)", "lstm", "forget_bias_20")
    ),
    Pair("batch norm", _layers("batch norm", norm="batch"), _normalised()),
)
"""Weights, activation and biases are the setting's where a name does not say otherwise; the input adds input_var to
the pre-activations in all, and its batch statistics are those of the samples themselves."""
