"""What can be measured, as chains. To add a form, copy a file of this folder and add it to ADAPTERS.

An adapter is a module with the five things of :class:`Adapter`; each of its functions may raise UsageError.
"""

from typing import Any, Protocol

from torch import Tensor

from ..chain import Chain
from ..inputs import State
from . import cell, feed_forward, layers, torch_recurrent, user_module


class Adapter(Protocol):
    """From a module of torch to its chain, and to what the module itself says."""

    over_time: bool
    """Whether the chain's steps are those of a sequence x (T, B, I)."""

    def accepts(self, module: Any) -> bool:
        """Whether the module is of this form."""

    def checked(self, module: Any, x: Tensor) -> Tensor:
        """x, time first, once module and x are known to fit this form and each other."""

    def chain(self, module: Any, x: Tensor, state: State | None) -> Chain:
        """The chain of a float64 copy."""

    def last_output(self, module: Any, x: Tensor, state: State | None) -> Tensor:
        """What the loss sees, (B, O), by the module's own forward in its own dtype; differentiable."""


ADAPTERS: tuple[Adapter, ...] = (torch_recurrent, cell, layers, feed_forward, user_module)
"""The first that accepts a module has it."""


def as_module(given: Any) -> Any:
    """One of rnngrad's own models as a module of torch; all else as it is."""
    return layers.as_module(cell.as_module(given))


__all__ = ["ADAPTERS", "Adapter", "as_module"]
