"""How far back does the gradient of a module reach, and at what rate does it decay?"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ..engine import Engine, choose
from ..errors import UsageError
from ..models import FeedForward
from .adjoint import chain_norms, gradient, heard, hears
from .chain import Chain
from .convert import Case, prepared
from .inputs import State, forward_errors
from .norms import Norms
from .recurrent import RecurrentChain
from .result import GradientFlow

Loss = Callable[[Tensor], Tensor]


def gradient_flow(
    module: Any, x: Tensor, loss: Loss | None = None, *, state: State | None = None, seed: int = 0
) -> GradientFlow:
    """The gradient of the last output's loss with respect to every state that came before it, by lag, in log space.

    module: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU`` (several layers too), a module with ``forward(x_t, state)``, a rnngrad
    model or (cell, params), or a feed-forward ``nn.Sequential``; x and state: its input and initial state; all forms
    are described at :func:`rnngrad.flow.convert.as_chain`.

    loss: maps the last output (B, O), float64, to a scalar, a mean over the batch; per-sample gradients are without
    its 1/B. By default each sample's loss is the same random unit projection of its last output, drawn from ``seed``.

    δ_t = ∂L/∂s_t is the derivative when the whole state s_t, h and c of all layers, is handed over at step t; c is
    varied with h held fixed. Its norm comes in two kinds, as natural logs: ``log_rms_per_sample``, the root mean
    square over samples of the norm of each sample's own gradient (what mean-field theory predicts), and
    ``log_norm_of_mean``, the norm of the gradient averaged over samples (what Nielsen plots). Both are carried in log
    space and neither under- nor overflow. Where batch normalisation couples the samples, a sample's gradient is that of
    the sum of all samples' losses.

    Works on a float64 copy: the module, its mode, gradients and buffers, and torch's random state are left alone.

    Raises UsageError, in one line, for a module, x, state or loss that cannot be measured.
    """
    begin = perf_counter()
    chain, case = prepared(module, x, state)
    engine = _engine(chain)
    with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
        compiled = _seconds(partial(_load, chain, engine), x.device)
        norms = _norms(chain, engine, partial(_summed, loss or _projection(seed), len(chain.states[0])))
        norms = Norms(norms.per_sample.cpu(), norms.of_mean.cpu())
    name = type(module).__name__ if isinstance(module, torch.nn.Module | FeedForward) else "a rnngrad cell"
    steps = "step" if case.adapter.over_time else "layer"
    seconds = perf_counter() - begin - compiled
    return GradientFlow(name, steps, chain.parts, norms, seed, seconds, partial(_plain_seconds, case))


def _norms(chain: Chain, engine: Engine | None, total: Loss) -> Norms:
    """From the engine's own backward pass where that has them, else by stepping back."""
    if engine is None or not isinstance(chain, RecurrentChain):
        return chain_norms(chain, gradient(lambda state: total(chain.output(state)), chain.states[-1]))
    ((cell, params),) = chain.layers
    x, start = chain.x.unsqueeze(0), chain.states[0].unsqueeze(0)
    norms = Norms.heard(heard(engine, cell, params, x, start, lambda h: total(chain.output(h[0]))))
    return Norms(norms.per_sample[:, 0], norms.of_mean[:, 0])


def _engine(chain: Chain) -> Engine | None:
    """The engine that can run the chain and hears its norms in log space, if there is one."""
    if not isinstance(chain, RecurrentChain) or len(chain.layers) > 1:
        return None
    cell = chain.layers[0][0]
    engine = choose(cell, chain.x.dtype, chain.x.device)
    return engine if hears(engine, cell, chain.x) else None


def _load(chain: Chain, engine: Engine | None) -> None:
    """Has the engine compile, or load from disk, what it needs for the cell: no part of the measurement's cost."""
    if engine is not None and isinstance(chain, RecurrentChain):
        cell, params = chain.layers[0]
        start = chain.states[0][:1].unsqueeze(0)
        heard(engine, cell, params, chain.x[:1, :1].unsqueeze(0), start, torch.sum)


def _projection(seed: int) -> Loss:
    """The mean over the batch of one random unit projection of the output."""

    def loss(output: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(output.shape[1], generator=generator, dtype=torch.float64)
        direction = (direction / direction.norm()).to(output.device)
        return torch.mv(output, direction).mean()

    return loss


def _summed(loss: Loss, batch: int, output: Tensor) -> Tensor:
    """The sum of the samples' own losses. Raises UsageError unless the loss is a scalar that depends on the output."""
    with forward_errors(output, " (this was the loss, on the last output in float64)"):
        value = loss(output)
    if not isinstance(value, Tensor) or value.dim():
        found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise UsageError(f"loss must return a scalar tensor, a mean over the batch, got {found}")
    if not value.requires_grad:
        raise UsageError("loss must be differentiable with respect to the output that it is given")
    if not value.isfinite():
        raise UsageError(f"the loss is {value.item()}: the states overflow float64, or the loss itself is not finite")
    return value * batch


def _plain_seconds(case: Case) -> float:
    """Of one forward and backward pass of the module by itself, the faster of two."""

    def run() -> None:
        torch.autograd.backward(case.last_output().sum())

    with torch.random.fork_rng([case.x.device] if case.x.device.type == "cuda" else []), torch.enable_grad():
        return min(_seconds(run, case.x.device) for _ in range(2))


def _seconds(run: Callable[[], None], device: torch.device) -> float:
    begin = perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - begin
