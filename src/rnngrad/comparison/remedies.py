"""What keeps a gradient alive in deep nets, and what does the same in recurrent ones, in pairs."""

from collections.abc import Callable
from typing import NamedTuple

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


def _layers(activation: str = "", init: str = "", normalisation: str = "none", residual: bool = False) -> Side:
    """A feed-forward net; activation and initialisation are the setting's where none is named."""
    state = "z" if residual else "h"

    def norms(setting: Setting, bits: Bits) -> Norms:
        widths = (INPUTS, *[setting.width] * setting.length, 1)
        phi, drawn = activation or setting.activation, init or setting.layer_init
        model = FeedForward.seeded(widths, phi, drawn, setting.seeds, normalisation, residual)
        return layer_norms(model, layered(setting, bits.x), bits.losses, state)

    return Side("", state, norms)


def _steps(cell: str = "", init: str = "") -> Side:
    """A recurrent net; the cell is the setting's where none is named."""

    def norms(setting: Setting, bits: Bits) -> Norms:
        drawn = CELLS[cell or setting.cell], init or setting.cell_init
        model = Recurrent.seeded(*drawn, INPUTS, setting.width, 1, setting.length, setting.seeds)
        return time_norms(tied(model), bits)

    return Side("", "hc" if cell == "lstm" else "h", norms)


def _normalised() -> Side:
    def net(setting: Setting) -> Unrolled:
        return batch_normalised(recurrent(setting), setting.activation)

    return Side("", "h", lambda setting, bits: time_norms(net(setting), bits))


PAIRS = (
    Pair("plain", _layers()._replace(name="plain"), _steps()._replace(name="plain")),
    Pair(
        "orthogonal",
        _layers(init="orthogonal")._replace(name="orthogonal"),
        _steps(init="orthogonal")._replace(name="orthogonal"),
    ),
    Pair(
        "scaled for ReLU",
        _layers("relu", "he")._replace(name="He, ReLU"),
        _steps("rnn_relu", "identity")._replace(name="IRNN, ReLU"),
    ),
    Pair(
        "scaled for squashing units",
        _layers("tanh", "glorot")._replace(name="Glorot, tanh"),
        _steps("lstm", "forget_bias_1")._replace(name="LSTM, forget bias 1"),
    ),
    Pair(
        "a way around",
        _layers(residual=True)._replace(name="residual"),
        _steps("lstm", "forget_bias_20")._replace(name="LSTM, carousel (f = 1)"),
    ),
    Pair("batch norm", _layers(normalisation="batch")._replace(name="batch norm"), _normalised()._replace(name="batch norm")),
)
