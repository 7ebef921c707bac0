"""rnngrad: the reference laboratory for long-term dependencies in recurrent networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import theory
    from .flow.bounds import bounds
    from .flow.jacobians import step_jacobians
    from .flow.long_jacobian import long_jacobian
    from .flow.lyapunov import lyapunov_spectrum
    from .flow.measure import gradient_flow

__all__ = ["bounds", "gradient_flow", "long_jacobian", "lyapunov_spectrum", "step_jacobians", "theory"]

_HOMES = {
    "bounds": "flow.bounds",
    "gradient_flow": "flow.measure",
    "long_jacobian": "flow.long_jacobian",
    "lyapunov_spectrum": "flow.lyapunov",
    "step_jacobians": "flow.jacobians",
}
"""Where each public name lives; it is imported when first asked for, since torch takes a second."""


def __getattr__(name: str) -> Any:
    if name == "theory":
        return import_module(".theory", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'rnngrad' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
