"""The vanilla recurrent net, h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Cell, Params


class RNN(Cell):
    """Vanilla tanh net: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Elman 1990, Finding structure in time, Cognitive Science 14(2):179-211.
    Twin: ``torch.nn.RNN(nonlinearity="tanh")``.
    """

    name: ClassVar[str] = "rnn"
    gate_names: ClassVar[tuple[str, ...]] = ("h",)

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(a + self.recur(params, state))

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return self.through_weights(params, 1 - self.step(params, a, state).square())


class ReluRNN(Cell):
    """Vanilla ReLU net: h_t = max(0, W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Le, Jaitly & Hinton 2015, arXiv:1504.00941 (IRNN, with the ``identity`` initialisation).
    Twin: ``torch.nn.RNN(nonlinearity="relu")``.
    """

    name: ClassVar[str] = "rnn_relu"
    gate_names: ClassVar[tuple[str, ...]] = ("h",)

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.relu(a + self.recur(params, state))

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return self.through_weights(params, (self.step(params, a, state) > 0).to(a.dtype))


class SigmoidRNN(Cell):
    """Vanilla net of logistic units: h_t = σ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Reference: Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen, whose analysis is of these units: a
    slope of 1/4 at most.
    """

    name: ClassVar[str] = "rnn_sigmoid"
    gate_names: ClassVar[tuple[str, ...]] = ("h",)

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return torch.sigmoid(a + self.recur(params, state))

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        h = self.step(params, a, state)
        return self.through_weights(params, h * (1 - h))


class LinearRNN(Cell):
    """Linear net: h_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh; its Jacobian is W_hh at every step.

    Reference: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120 (the linear chain as the exact case).
    """

    name: ClassVar[str] = "rnn_identity"
    gate_names: ClassVar[tuple[str, ...]] = ("h",)

    def step(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return a + self.recur(params, state)

    def jacobian(self, params: Params, a: Tensor, state: Tensor) -> Tensor:
        return params["weight_hh"].unsqueeze(1).expand(-1, state.shape[1], -1, -1)
