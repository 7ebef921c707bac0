"""Cells: one step of recurrence each. To add one, copy a file of this folder and add a line to CELLS."""

from .base import Cell, Params
from .gru import GRU
from .inits import INITS, initialise
from .linear import Linear
from .lstm import LSTM
from .rnn import RNN, LinearRNN, ReluRNN, SigmoidRNN

CELLS: dict[str, Cell] = {
    "rnn": RNN(),
    "rnn_relu": ReluRNN(),
    "rnn_sigmoid": SigmoidRNN(),
    "rnn_identity": LinearRNN(),
    "lstm": LSTM(),
    "gru": GRU(),
}

__all__ = ["CELLS", "INITS", "Cell", "Linear", "Params", "initialise"]
