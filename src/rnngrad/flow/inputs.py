"""What a measurement accepts: shapes, dtypes, finite numbers. Everything else is one clear error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError

State = Tensor | tuple[Tensor, ...]
"""An initial state, as the module itself takes it."""


def check_numbers(what: str, value: Any) -> None:
    """Raises UsageError unless the value is a tensor of finite floating-point numbers."""
    if not isinstance(value, Tensor):
        raise UsageError(f"{what} must be a tensor, got {type(value).__name__}")
    if not value.is_floating_point():
        raise UsageError(f"{what} must be of a floating-point dtype (float32, float64), got {_plain(value.dtype)}")
    check_finite(what, value)


def check_finite(what: str, value: Tensor) -> None:
    """Raises UsageError if the tensor holds NaN or an infinity."""
    if value.is_floating_point() and not value.isfinite().all():
        found = "NaN" if value.isnan().any() else "an infinite number"
        raise UsageError(f"{what} holds {found}: there is no gradient flow to measure")


def check_sequence(x: Tensor, inputs: int | None = None, layout: str = "(T, B, I)") -> None:
    """Raises UsageError unless x has three axes, steps and samples, and ``inputs`` values a step (if not None)."""
    shape = tuple(x.shape)
    if x.dim() != 3:
        hint = ", one sequence as a batch of one" if x.dim() == 2 else ""
        raise UsageError(f"x must be {layout}{hint}, got shape {shape}")
    if 0 in shape:
        raise UsageError(f"x must have at least one step, one sample and one input, got shape {shape} for {layout}")
    if inputs is not None and shape[2] != inputs:
        raise UsageError(f"x must have {inputs} inputs a step, as the module has, got shape {shape} for {layout}")


def check_state(name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Raises UsageError unless ``value`` is a tensor of finite numbers of that shape."""
    check_numbers(name, value)
    if tuple(value.shape) != shape:
        raise UsageError(f"{name} must have shape {shape}, got {tuple(value.shape)}")


def tensors_of(state: State) -> tuple[Tensor, ...]:
    """The state as a tuple, be it one or not."""
    return (state,) if isinstance(state, Tensor) else tuple(state)


def as_dtype(state: State | None, dtype: torch.dtype) -> State | None:
    """The state in another dtype, off its graph."""
    if state is None:
        return None
    cast = tuple(part.detach().to(dtype) for part in tensors_of(state))
    return cast[0] if isinstance(state, Tensor) else cast


def not_repeatable(step: int) -> UsageError:
    """The error for a module that gives something else when a step is taken again."""
    return UsageError(
        f"the module's forward gives something else when step {step} is taken again: it is random (dropout? call "
        ".eval()), or keeps a state of its own between calls (pass it as state)"
    )


@contextmanager
def forward_errors(x: Tensor, hint: str = "") -> Iterator[None]:
    """Whatever a module's forward raises inside becomes a UsageError that says on which input, with its first line."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # a user's code may raise anything
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        shape, dtype = tuple(x.shape), _plain(x.dtype)
        raise UsageError(f"the module's forward failed on an input of shape {shape}, {dtype}: {said}{hint}") from error


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
