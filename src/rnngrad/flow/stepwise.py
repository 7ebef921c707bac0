"""A recurrent module that takes one step per call, as a chain of states."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UsageError
from .chain import Chain, Part, Trajectory
from .inputs import State, forward_errors, tensors_of

Tensors = tuple[Tensor, ...]


class StepChain(Chain):
    """s_t = module(x_t, s_{t-1}); the tensors of a tuple side by side in one state (B, S), two of them named h and c.

    ``module``: float64, ``x``: (T, B, I).
    """

    def __init__(self, module: nn.Module, x: Tensor, start: State) -> None:
        """start: the initial state as the module takes it."""
        self.module, self.x = module, x
        self._tuple = not isinstance(start, Tensor)
        tensors = tensors_of(start)
        self._widths = [tensor.shape[1] for tensor in tensors]
        self.parts = _parts(self._widths)
        self.states = Trajectory(self.step, torch.cat(tensors, dim=1), len(x))
        with torch.no_grad():
            self._reads_out = self._call(x[0], self.states[0])[0] is not None
            self.coupled = self._is_coupled()

    def step(self, t: int, state: Tensor) -> Tensor:
        return torch.cat(self._call(self.x[t - 1], state)[1], dim=1)

    def output(self, state: Tensor) -> Tensor:
        """As in the base class; where the module has an output of its own, linearised at the chain's own last state."""
        if not self._reads_out:
            return state[:, : self._widths[0]]
        out: Tensor = _LastOutput.apply(self, state)  # type: ignore[no-untyped-call]
        return out

    def last_output(self) -> Tensor:
        """The module's own output at the last step, without gradients."""
        with torch.no_grad():
            return torch.as_tensor(self._call(self.x[-1], self.states[-2])[0])

    def direct_gradient(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """∂(weight · last output)/∂s_T, each tensor of the state varied with the others held fixed; and what is left.

        The second value is the gradient with respect to s_{T-1} by ways that do not lead through s_T. A hook at every
        tensor of s_T takes its gradient out of the backward pass: so no tensor hears what came through another.
        """
        before = self.states[-2].detach().requires_grad_()
        with torch.enable_grad():
            out, tensors = self._call(self.x[-1], before)
        assert out is not None
        caught = [torch.zeros_like(tensor) for tensor in tensors]
        for tensor, own in zip(tensors, caught, strict=True):
            if tensor.requires_grad:
                tensor.register_hook(partial(_catch, own))  # type: ignore[no-untyped-call]
        weight = torch.ones_like(out) if weight is None else weight
        (left,) = torch.autograd.grad(out, before, weight, allow_unused=True, materialize_grads=True)
        return torch.cat(caught, dim=1), left

    def check_read_out(self) -> None:
        """Raises UsageError if the output sees the state otherwise than through the tensors returned as such."""
        if self._reads_out and self.direct_gradient()[1].any():
            raise UsageError(
                "the module's output must be computed from the state tensors that it returns (as in "
                "`return self.read_out(h), (h, c)`), here it bypasses them: return those, or the state alone"
            )

    def _call(self, x_t: Tensor, state: Tensor) -> tuple[Tensor | None, Tensors]:
        tensors = torch.split(state, self._widths, dim=1)
        given: State = tensors if self._tuple else tensors[0]
        return split(call(self.module, x_t, given), given)

    def _is_coupled(self) -> bool:
        """Whether the last step gives a sample something else when the others are made equal to it."""
        x, state = self.x[-1], self.states[-2]
        tensors = self._call(x[:1].expand_as(x).contiguous(), state[:1].expand_as(state).contiguous())[1]
        return not torch.allclose(torch.cat(tensors, dim=1)[0], self.states[-1][0], rtol=1e-9, atol=1e-12)


def _catch(own: Tensor, grad: Tensor) -> Tensor:
    """Takes a gradient out of the backward pass."""
    own.copy_(grad)
    return torch.zeros_like(grad)


class _LastOutput(torch.autograd.Function):
    """The last output as a function of the last state, with the module's own direct derivative."""

    @staticmethod
    def forward(ctx: Any, chain: StepChain, state: Tensor) -> Tensor:
        ctx.chain = chain
        return chain.last_output()

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[None, Tensor]:
        return None, ctx.chain.direct_gradient(weight)[0]


def call(module: nn.Module, x_t: Tensor, state: State | None) -> Any:
    """module(x_t, state). Raises UsageError with the module's own words where it fails."""
    hint = "; it has to be forward(x_t, state), with state= given if it cannot start from None" if state is None else ""
    with forward_errors(x_t, hint):
        return module(x_t, state)


def split(returned: Any, given: State) -> tuple[Tensor | None, Tensors]:
    """Output, or None, and the tensors of the state in what a step returned, given the state that it got."""
    wanted = tensors_of(given)
    for output, state in ((None, returned), returned if _is_pair(returned) else (None, None)):
        tensors = (state,) if isinstance(state, Tensor) else state
        if isinstance(given, Tensor) == isinstance(state, Tensor) and _alike(tensors, wanted):
            return output, tuple(tensors or ())
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in wanted)
    raise UsageError(
        f"forward(x_t, state) must return the state or (output, state), the state as it got it, of shape {shapes} and "
        f"dtype {wanted[0].dtype}; got {_described(returned)}"
    )


def _is_pair(returned: Any) -> bool:
    return isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[0], Tensor)


def _alike(tensors: Any, wanted: Tensors) -> bool:
    """Whether it is a sequence of tensors like those wanted."""
    if not isinstance(tensors, tuple | list) or len(tensors) != len(wanted):
        return False
    return all(
        isinstance(new, Tensor) and new.shape == old.shape and new.dtype == old.dtype
        for new, old in zip(tensors, wanted, strict=True)
    )


def _described(returned: Any) -> str:
    if isinstance(returned, Tensor):
        return f"a tensor of shape {tuple(returned.shape)} and dtype {returned.dtype}"
    if isinstance(returned, tuple | list):
        return f"({', '.join(_described(part) for part in returned)})"
    return type(returned).__name__


def _parts(widths: list[int]) -> tuple[Part, ...]:
    names = {1: ["h"], 2: ["h", "c"]}.get(len(widths)) or [f"s{k}" for k in range(1, len(widths) + 1)]
    ends = [sum(widths[: k + 1]) for k in range(len(widths))]
    return tuple(Part(0, *part) for part in zip(names, [0, *ends], ends, strict=False))
