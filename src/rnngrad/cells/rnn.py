"""The vanilla recurrent net, h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params
from .linear import Linear


class Vanilla(Cell):
    """One layer of units, h_t = φ(z_t): all that the vanilla nets share but φ."""

    gate_names: ClassVar[tuple[str, ...]] = ("h",)
    steepest: ClassVar[float] = 1.0
    """The largest value of φ'."""

    @abstractmethod
    def slope(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        """φ'(z_t), (R, B, H)."""

    def linearise(self, params: Params, a: Tensor, state: Tensor) -> Linear:
        slope = self.slope(params, a, state)
        return Linear(slope.unsqueeze(-2).unsqueeze(-2), None, params["weight_hh"], {"h": slope / self.steepest})


class RNN(Vanilla):
    """Vanilla tanh net: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Elman 1990, Finding structure in time, Cognitive Science 14(2):179-211.
    Twin: ``torch.nn.RNN(nonlinearity="tanh")``.
    """

    name: ClassVar[str] = "rnn"

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(a + self.recur(params, state))

    def slope(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return 1 - self.step(params, a, state).square()


class ReluRNN(Vanilla):
    """Vanilla ReLU net: h_t = max(0, W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Le, Jaitly & Hinton 2015, arXiv:1504.00941 (IRNN, with the ``identity`` initialisation).
    Twin: ``torch.nn.RNN(nonlinearity="relu")``.
    """

    name: ClassVar[str] = "rnn_relu"

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.relu(a + self.recur(params, state))

    def slope(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return (self.step(params, a, state) > 0).to(a.dtype)


class SigmoidRNN(Vanilla):
    """Vanilla net of logistic units: h_t = σ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen, whose analysis is of these units: a
    slope of 1/4 at most.
    """

    name: ClassVar[str] = "rnn_sigmoid"
    steepest: ClassVar[float] = 0.25

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.sigmoid(a + self.recur(params, state))

    def slope(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        h = self.step(params, a, state)
        return h * (1 - h)


class LinearRNN(Vanilla):
    """Linear net: h_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh; its Jacobian is W_hh at every step.

    Reference: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120 (the linear chain as the exact case).
    """

    name: ClassVar[str] = "rnn_identity"

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return a + self.recur(params, state)

    def slope(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.ones_like(state)
