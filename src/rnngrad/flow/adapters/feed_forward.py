"""``nn.Sequential``: depth as the index. A step is a layer with weights, with what stands before it.

The state is cut behind every module that has weights of its own, a normalisation that follows at once included. Of
Linear and activation in turn that makes s_l = z_l, the pre-activation of layer l: what its bias sees, the δ of Nielsen
and the z of Glorot & Bengio. s_0 is the input, flattened, and what follows the last such module belongs to the output.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import UsageError
from ..chain import Chain, Part, Trajectory
from ..inputs import State

over_time = False

NORMS = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalisation
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
AFFINE = (nn.Linear, nn.modules.conv._ConvNd)


class LayerChain(Chain):
    """z_l = step(l, z_{l-1}); states are flattened to (B, S_l). Named "z" where all layers are affine, else "h"."""

    def __init__(self, steps: list[nn.Sequential], head: nn.Sequential, x: Tensor) -> None:
        """steps: the layers; head: what is between the last state and the output."""
        self.steps, self.head = steps, head
        self._shapes = [x.shape[1:]]
        self.states = Trajectory(self.step, x.flatten(1), len(steps))
        widest = max(state.shape[1] for state in self.states)
        self.parts = (Part(0, "z" if all(_is_affine(step) for step in steps) else "h", 0, widest),)
        self.coupled = self._is_coupled()

    def step(self, t: int, state: Tensor) -> Tensor:
        after: Tensor = self.steps[t - 1](state.reshape(len(state), *self._shapes[t - 1]))
        if len(self._shapes) == t:  # the first time through
            self._shapes.append(after.shape[1:])
        return after.flatten(1)

    def output(self, state: Tensor) -> Tensor:
        out: Tensor = self.head(state.reshape(len(state), *self._shapes[-1]))
        return out.flatten(1)

    @torch.no_grad()
    def _is_coupled(self) -> bool:
        """Whether any layer gives a sample something else when the others are made equal to it."""
        for t, state in enumerate(self.states[:-1], start=1):
            alone = self.step(t, state[:1].expand_as(state).contiguous())[0]
            if not torch.allclose(alone, self.states[t][0], rtol=1e-9, atol=1e-12):
                return True
        return False


def accepts(module: Any) -> bool:
    """Whether it is an ``nn.Sequential``."""
    return isinstance(module, nn.Sequential)


def checked(module: nn.Sequential, x: Tensor) -> Tensor:
    """x, (B, I) or (B, …). Raises UsageError where there is no layer with weights, and for an x without samples."""
    if any(isinstance(child, nn.RNNBase) for child in module):
        raise UsageError("a recurrent layer in a Sequential: give that layer itself, and what follows it within loss=")
    if not any(_has_weights(child) for child in module):
        raise UsageError("the Sequential has no layer with weights: a step of the chain ends at each of them")
    if x.dim() < 2 or 0 in x.shape:
        raise UsageError(f"x must be (B, I), or (B, …), with at least one sample, got shape {tuple(x.shape)}")
    first = next(module.children())
    if isinstance(first, nn.Linear) and x.shape[-1] != first.in_features:
        raise UsageError(f"x must have {first.in_features} inputs, as the first layer has, got shape {tuple(x.shape)}")
    return x


def chain(module: nn.Sequential, x: Tensor, state: State | None) -> LayerChain:
    """Cut into layers. Raises UsageError for an initial state: x itself is s_0 here."""
    if state is not None:
        raise UsageError("a Sequential has no initial state besides x: leave state= out")
    groups: list[list[nn.Module]] = [[]]
    ended = False
    for child in module:
        if ended and not isinstance(child, NORMS):
            groups.append([])
        groups[-1].append(child)
        ended = _has_weights(child) or (ended and isinstance(child, NORMS))
    steps = [nn.Sequential(*group) for group in groups]
    head = nn.Sequential() if ended else steps.pop()
    return LayerChain(steps, head, x)


def last_output(module: nn.Sequential, x: Tensor, state: State | None) -> Tensor:
    """What the module returns, flattened to (B, O)."""
    out: Tensor = module(x)
    return out.flatten(1)


def _has_weights(module: nn.Module) -> bool:
    """Whether a step ends here: at weights that are neither a normalisation's nor an activation's (PReLU)."""
    return not isinstance(module, (*NORMS, nn.PReLU)) and any(True for _ in module.parameters())


def _is_affine(step: nn.Sequential) -> bool:
    """Whether the step's layer with weights is affine, so that its state is a pre-activation."""
    return all(isinstance(child, AFFINE) for child in step if _has_weights(child))
