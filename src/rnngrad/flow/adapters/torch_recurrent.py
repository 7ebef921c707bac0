"""``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``, one layer or several."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cells import CELLS, Params
from ...errors import UsageError
from ..inputs import State, check_sequence, check_state, tensors_of
from ..recurrent import RecurrentChain

over_time = True

TWINS = {"RNN_TANH": "rnn", "RNN_RELU": "rnn_relu", "LSTM": "lstm", "GRU": "gru"}
"""The cell that each mode of torch is."""


def accepts(module: Any) -> bool:
    """Whether it is one of torch's recurrent nets, or derived from one."""
    return isinstance(module, nn.RNN | nn.LSTM | nn.GRU)


def checked(module: nn.RNNBase, x: Tensor) -> Tensor:
    """x as (T, B, I). Raises UsageError for what is not one chain, or not a deterministic one, and for a wrong x."""
    name = type(module).__name__
    if module.bidirectional:
        raise UsageError(f"a bidirectional {name} runs both ways and is not one chain: give each direction by itself")
    if module.proj_size:
        raise UsageError(f"proj_size={module.proj_size} is not supported: use proj_size=0 and a Linear of your own")
    if module.dropout and module.training and module.num_layers > 1:
        raise UsageError(f"dropout={module.dropout} between the layers is random in training mode: call .eval() first")
    check_sequence(x, module.input_size, "(B, T, I) (batch_first)" if module.batch_first else "(T, B, I)")
    return x.transpose(0, 1) if module.batch_first else x


def chain(module: nn.RNNBase, x: Tensor, state: State | None) -> RecurrentChain:
    """The layers as rnngrad cells with the module's weights. state: h_0 or (h_0, c_0), each (layers, B, H)."""
    layers = [(CELLS[TWINS[module.mode]], _params(module, k)) for k in range(module.num_layers)]
    parts = len(layers[0][0].parts)
    shape = (module.num_layers, x.shape[1], module.hidden_size)
    if state is None:
        state = tuple(x.new_zeros(shape) for _ in range(parts))
    given = tensors_of(state)
    if len(given) != parts:
        raise UsageError(f"state must be {'(h_0, c_0)' if parts == 2 else 'h_0 alone'}, got {len(given)} tensors")
    for name, tensor in zip(("h_0", "c_0"), given, strict=False):
        check_state(f"state's {name}", tensor, shape)
    start = torch.stack(given, dim=2).permute(1, 0, 2, 3).flatten(1)  # (layers, B, parts, H) to (B, S)
    return RecurrentChain(layers, x, start)


def last_output(module: nn.RNNBase, x: Tensor, state: State | None) -> Tensor:
    """The last layer's h at the last step."""
    outputs: Tensor = module(x.transpose(0, 1) if module.batch_first else x, state)[0]
    return outputs[:, -1] if module.batch_first else outputs[-1]


def _params(module: nn.RNNBase, layer: int) -> Params:
    """One layer's weights under the cell's names, with the replica axis in front; no bias is a bias of zero."""
    weights = {name: getattr(module, f"{name}_l{layer}").detach().unsqueeze(0) for name in ("weight_ih", "weight_hh")}
    zero = weights["weight_hh"].new_zeros(weights["weight_hh"].shape[:2])
    biases = {
        name: getattr(module, f"{name}_l{layer}").detach().unsqueeze(0) if module.bias else zero
        for name in ("bias_ih", "bias_hh")
    }
    return weights | biases
