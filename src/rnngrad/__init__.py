"""rnngrad: the reference laboratory for long-term dependencies in recurrent networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .flow.measure import gradient_flow

__all__ = ["gradient_flow"]

_HOMES = {"gradient_flow": "flow.measure"}
"""Where each public name lives; it is imported when first asked for, since torch takes a second."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rnngrad' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
