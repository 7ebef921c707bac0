"""Step Jacobians J_t = ∂s_t/∂s_{t-1}, whole and in parts."""

from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..memory import require
from .chain import Chain, Part
from .convert import as_chain
from .inputs import State
from .matrix_free import pull


def step_jacobians(module: Any, x: Tensor, state: State | None = None) -> Tensor:
    """J_1 … J_T of a module on a batch of inputs, (T, B, S, S), float64: J[t, b, i, j] = ∂s_{t+1}[i]/∂s_t[j].

    In closed form for one layer of a built-in cell or of its twin in ``torch.nn``, by autograd through one step for
    the rest. Modules, x and the initial ``state`` are what :func:`~rnngrad.flow.convert.as_chain` takes.

    Raises UsageError where the numbers do not fit into memory, where the samples are coupled and where the state's
    width changes along the chain.
    """
    return all_jacobians(as_chain(module, x, state))


@torch.no_grad()
def all_jacobians(chain: Chain) -> Tensor:
    """:func:`step_jacobians` of a chain."""
    require_separate_samples(chain)
    width = constant_width(chain)
    require_finite(chain, chain.length)
    first = chain.states[0]
    needed = first.element_size() * len(first) * (chain.length + 4) * width**2
    require(needed, first.device, "use long_jacobian or lyapunov_spectrum with k=8, which never form S × S numbers")
    jacobians = first.new_empty(chain.length, len(first), width, width)
    for t in range(1, chain.length + 1):
        jacobians[t - 1] = chain.jacobian(t)
    return jacobians


def blocks(jacobian: Tensor, parts: tuple[Part, ...], layer: int = 0) -> dict[str, Tensor]:
    """The blocks of a Jacobian (…, S, S) between the parts of one layer's state, each (…, H, H).

    For an LSTM ``hh``, ``hc``, ``ch``, ``cc``: the first letter is the part that is differentiated, the second the
    part, a step or many earlier, with respect to which. ``parts`` are those of the chain, ``as_chain(module, x)``.
    """
    own = [part for part in parts if part.layer == layer]
    if not own:
        raise UsageError(f"no layer {layer}: the layers are {sorted({part.layer for part in parts})}")
    return {
        row.name + column.name: jacobian[..., row.begin : row.end, column.begin : column.end]
        for row in own
        for column in own
    }


def log_carousel(module: Any, x: Tensor, start: int, end: int, layer: int = 0, state: State | None = None) -> Tensor:
    """ln ∏ f_t over t = start + 1 … end of every sample and memory cell of an LSTM layer, (B, H).

    The forget gates' share of ∂c_end/∂c_start: the path from c to c that never leaves the constant error carousel
    (Hochreiter & Schmidhuber 1997). It is not the whole derivative, which has the paths through h as well. Raises
    UsageError where the module has no cell state c and for steps that it does not have.
    """
    return carousel_of(as_chain(module, x, state), start, end, layer)


def carousel_of(chain: Chain, start: int, end: int, layer: int = 0) -> Tensor:
    """:func:`log_carousel` of a chain."""
    require_steps(chain, start, end)
    part = next((part for part in chain.parts if (part.layer, part.name) == (layer, "c")), None)
    if part is None:
        raise UsageError(f"layer {layer} has no cell state c: the carousel is that of an LSTM")
    gates = [_forget_gate(chain, t, slice(part.begin, part.end)) for t in range(start + 1, end + 1)]
    return torch.stack(gates).abs().log().sum(dim=0)


def _forget_gate(chain: Chain, t: int, c: slice) -> Tensor:
    """The diagonal of ∂c_t/∂c_{t-1} with h held fixed, (B, H), from two products, by which it is seen to be all."""
    probes = torch.zeros(*chain.states[t].shape, 2).to(chain.states[t])
    probes[:, c] = 1.0
    probes[:, c.start : c.stop : 2, 1] = -1.0
    sums = pull(chain, t, probes)[:, c] * probes[:, c]
    if not torch.allclose(sums[..., 0], sums[..., 1], rtol=1e-9, atol=1e-12):
        raise UsageError(f"at step {t} units of c depend on each other directly: there is no carousel in this module")
    return sums[..., 0]


def constant_width(chain: Chain) -> int:
    """S, if all states of the chain have it; raises UsageError if not."""
    widths = {state.shape[1] for state in chain.states}
    if len(widths) > 1:
        raise UsageError(f"the state's width changes along the chain ({sorted(widths)}): use long_jacobian")
    return widths.pop()


def require_separate_samples(chain: Chain) -> None:
    """Raises UsageError if a sample's step depends on the other samples."""
    if chain.coupled:
        raise UsageError("the samples are coupled (batch normalisation in training mode?): call module.eval() first")


def require_finite(chain: Chain, end: int) -> None:
    """Raises UsageError if a state up to s_end has overflowed: there is no Jacobian at infinity."""
    if not chain.states[end].isfinite().all():
        first = next(t for t in range(end + 1) if not chain.states[t].isfinite().all())
        raise UsageError(f"the state overflows at step {first}: give fewer steps, a smaller x or smaller weights")


def require_steps(chain: Chain, start: int, end: int) -> None:
    """Raises UsageError unless 0 ≤ start < end ≤ L."""
    if not 0 <= start < end <= chain.length:
        raise UsageError(f"start {start}, end {end}: must be 0 ≤ start < end ≤ {chain.length}, the number of steps")
