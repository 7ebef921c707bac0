"""What a run was computed with, beside its card."""

import platform
from functools import cache
from importlib.metadata import version

import torch

from ..engine import cpu

VERSIONED = ("rnngrad", "torch", "numpy", "numba")


@cache
def _packages() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}}


def versions() -> dict[str, str]:
    """Software, and how many threads worked."""
    return {**_packages(), "threads": str(cpu.threads())}


def device_name(device: torch.device) -> str:
    """What the store calls a device: cpu, or cuda, with the card's name where there is one."""
    here = device.type == "cuda" and torch.cuda.is_available()
    return f"cuda ({torch.cuda.get_device_name(device)})" if here else device.type
