"""From a module to its chain of states: a float64 copy that is known to compute what the module computes."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UsageError
from .adapters import ADAPTERS, Adapter, as_module
from .chain import Chain
from .inputs import State, as_dtype, check_finite, check_numbers, forward_errors, not_repeatable
from .recurrent import RecurrentChain

FORMS = (
    "nn.RNN, nn.LSTM, nn.GRU, a module with forward(x_t, state), an nn.Sequential, a rnngrad model of one replica, "
    "or (cell, params)"
)
COMPARED_STEPS = 8
"""Steps over which a sequence's outputs are compared: so few that in a chaotic net rounding does not grow."""

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}
"""How far the module's own forward may be from the chain's, relative to the larger of 1 and the output, by dtype."""


@dataclass(frozen=True)
class Case:
    """A module on its data, time first, all of one dtype."""

    adapter: Adapter
    module: nn.Module
    x: Tensor
    state: State | None

    def head(self) -> "Case":
        """The same over the first steps of a sequence."""
        return replace(self, x=self.x[:COMPARED_STEPS]) if self.adapter.over_time else self

    def chain(self) -> Chain:
        """As a chain of states."""
        with forward_errors(self.x):
            return self.adapter.chain(self.module, self.x, self.state)

    def last_output(self) -> Tensor:
        """By the module's own forward, (B, O)."""
        with forward_errors(self.x):
            return self.adapter.last_output(self.module, self.x, self.state)


def as_chain(module: Any, x: Tensor, state: State | None = None) -> Chain:
    """The module's states on the input x, as a :class:`~rnngrad.flow.chain.Chain` in float64.

    module: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` with x (T, B, I), or (B, T, I) if batch_first; a module of the user's
    own with ``forward(x_t, state)`` (see :mod:`rnngrad.flow.adapters.user_module`), a
    :class:`~rnngrad.models.Recurrent` with one replica, or a pair (cell, params), all with x (T, B, I); a feed-forward
    ``nn.Sequential`` with x (B, …) (see :mod:`rnngrad.flow.adapters.feed_forward`), or a
    :class:`~rnngrad.models.FeedForward` with one replica and x (B, I). state: the initial state as the
    module takes it, zeros if None.

    Works on a copy: the module, its mode, gradients and buffers, and torch's random state stay as they are. The copy's
    output is compared with the module's own, in its own dtype, over the first steps.

    Raises UsageError for a module, x or state of a form that cannot be measured, for NaN in them, and for a module
    whose forward is random or keeps a state of its own.
    """
    return prepared(module, x, state)[0]


def prepared(module: Any, x: Tensor, state: State | None) -> tuple[Chain, Case]:
    """The chain of :func:`as_chain`, and the float64 copy that it was made from."""
    module = as_module(module)
    adapter = _adapter(module)
    check_numbers("x", x)
    dtype = _checked_dtype(module, x)
    x = adapter.checked(module, x.detach())
    with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
        case = Case(adapter, _copied(module).double(), x.double(), as_dtype(state, torch.float64))
        chain = case.chain()
        _check_repeatable(chain)
        _check_same(case.head(), Case(adapter, _copied(module), x.to(dtype), as_dtype(state, dtype)).head())
    return chain, case


def _adapter(module: Any) -> Adapter:
    if isinstance(module, nn.Module):
        return next(adapter for adapter in ADAPTERS if adapter.accepts(module))
    raise UsageError(f"a {type(module).__name__} cannot be measured: give {FORMS}")


def _copied(module: nn.Module) -> nn.Module:
    try:
        return deepcopy(module)
    except RuntimeError as error:  # a tensor with a graph cannot be copied
        raise UsageError(f"the module cannot be copied: {str(error).splitlines()[0]}") from error


def _checked_dtype(module: nn.Module, x: Tensor) -> torch.dtype:
    """The module's own dtype. Raises UsageError for NaN, naming the weight, and for an x on another device."""
    weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, weight in weights.items():
        check_finite(f"the module's '{name}'", weight)
        if weight.device != x.device:
            raise UsageError(f"x is on {x.device} and the module's '{name}' on {weight.device}: move one of them")
    return next((weight.dtype for weight in weights.values() if weight.is_floating_point()), x.dtype)


def _check_repeatable(chain: Chain) -> None:
    """Raises UsageError if a step gives something else when it is taken again, from the last step to the first."""
    if isinstance(chain, RecurrentChain):  # whose steps are ours
        return
    for t in range(chain.length, 0, -1):
        with torch.no_grad():
            again = chain.step(t, chain.states[t - 1])
        if not torch.allclose(again, chain.states[t], rtol=1e-9, atol=1e-12, equal_nan=True):
            raise not_repeatable(t)


def _check_same(case: Case, own: Case) -> None:
    """Raises UsageError unless the module's own forward gives what the chain gives."""
    chain = case.chain()
    with torch.no_grad():
        found, wanted = chain.output(chain.states[-1]), own.last_output().double()
    error = float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1.0))
    if not error <= TOLERANCES[own.x.dtype]:
        raise UsageError(
            f"the module's own forward differs by {error:.1g} from that of the measured float64 copy: it is random, "
            "keeps a state of its own, or has a forward that is not the one of its class"
        )
