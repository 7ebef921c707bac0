"""Synthetic long-lag problems, one file each. To add one, copy a file of this folder and add a line to PROBLEMS."""

from .adding import Adding
from .base import Problem
from .copying import Copy

PROBLEMS: dict[str, type[Problem]] = {
    "adding": Adding,
    "copy": Copy,
}

__all__ = ["PROBLEMS", "Problem"]
