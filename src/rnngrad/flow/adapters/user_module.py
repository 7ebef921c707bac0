"""A module of the user's own with ``forward(x_t, state)``; ``nn.RNNCell``, ``GRUCell`` and ``LSTMCell`` are such.

x_t is (B, I). The state is a tensor (B, S) or a tuple of such. Two kinds of return value are understood:

- the state alone, as torch's cells do it: the loss sees its first tensor, h;
- ``(output, state)``: the loss sees the output (B, O), which has to be computed from the very tensors that are returned
  as state, as in ``return self.read_out(h), (h, c)``; x_t may join in.

A tuple of two tensors is the state where the state is such a tuple, else output and state. Without an initial state
the module gets None at the first step and has to start from zeros.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import UsageError
from ..inputs import State, check_numbers, check_sequence, not_repeatable, tensors_of
from ..stepwise import StepChain, call, split

over_time = True


def accepts(module: Any) -> bool:
    """Whether it is a module at all: what torch and rnngrad do not know is the user's own."""
    return isinstance(module, nn.Module)


def checked(module: nn.Module, x: Tensor) -> Tensor:
    """x, which is (T, B, I). Raises UsageError for another rank."""
    check_sequence(x, module.input_size if isinstance(module, nn.RNNCellBase) else None)
    return x


def chain(module: nn.Module, x: Tensor, state: State | None) -> StepChain:
    """Step by step through the module's forward. state: what it takes, with tensors (B, S).

    Raises UsageError where the forward fails, or returns something else than the above.
    """
    found = StepChain(module, x, _zeros(module, x) if state is None else _checked_state(state, x))
    found.check_read_out()
    return found


def last_output(module: nn.Module, x: Tensor, state: State | None) -> Tensor:
    """The output, or else the h, of the last step."""
    given = _zeros(module, x) if state is None else state
    output = None
    for x_t in x:
        output, tensors = split(call(module, x_t, given), given)
        given = tensors[0] if isinstance(given, Tensor) else tensors
    return tensors[0] if output is None else output


def _checked_state(state: Any, x: Tensor) -> State:
    for tensor in tensors_of(state):
        check_numbers("state", tensor)
        if tensor.dim() != 2 or len(tensor) != x.shape[1]:
            raise UsageError(f"state must be (B, S) with B = {x.shape[1]}, or a tuple of such: {tuple(tensor.shape)}")
    return state if isinstance(state, Tensor) else tuple(state)


@torch.no_grad()
def _zeros(module: nn.Module, x: Tensor) -> State:
    """The state of zeros that None stands for. Raises UsageError if None stands for something else."""
    state, again = (_state_of(module, call(module, x[0], None)) for _ in range(2))
    if not _same(state, again):
        raise not_repeatable(1)
    given = torch.zeros_like(state) if isinstance(state, Tensor) else tuple(torch.zeros_like(part) for part in state)
    if not _same(state, split(call(module, x[0], given), given)[1]):
        raise UsageError("the module starts from something else than zeros where it gets None: give state=")
    return given


def _same(one: State, other: State) -> bool:
    pairs = zip(tensors_of(one), tensors_of(other), strict=True)
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs)


def _state_of(module: nn.Module, returned: Any) -> State:
    """The state in what the first step returned, whose form is not known yet."""
    if isinstance(returned, Tensor):
        return returned
    if isinstance(returned, tuple) and len(returned) == 2 and not isinstance(module, nn.LSTMCell):
        if isinstance(returned[1], Tensor):
            raise UsageError("forward returned two tensors: say by state= whether they are (h, c) or (output, state)")
        return tuple(returned[1])
    return tuple(returned)
