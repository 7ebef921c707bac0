"""Memory that outlives an unrolling: what one update kept serves the next.

Fresh memory costs a page fault for every 4 kB, which at long lags takes as long as the arithmetic.
"""

from math import prod

import torch
from torch import Tensor

_spare: list[Tensor] = []


def borrow(like: Tensor, *shapes: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
    """Uninitialised tensors of these shapes, of the dtype of ``like``, in the spare memory or in new.

    Returned behind the memory itself, for :func:`give_back`.
    """
    counts = [-(-prod(shape) * like.element_size() // 64) * 64 for shape in shapes]
    space = _taken()
    if space.numel() < sum(counts):
        del space  # before the new is there: never both at once
        space = torch.empty(sum(counts), dtype=torch.uint8)
    parts = torch.split(space[: sum(counts)], counts)
    tensors = [
        part[: prod(shape) * like.element_size()].view(like.dtype).view(shape)
        for part, shape in zip(parts, shapes, strict=True)
    ]
    return space, tensors


def give_back(space: Tensor) -> None:
    """Let the next unrolling have memory that nobody may read any more."""
    other = _taken()
    _spare[:] = [space if space.numel() >= other.numel() else other]


def _taken() -> Tensor:
    """The spare memory, which is then no longer spare; an empty tensor if there is none."""
    try:
        return _spare.pop()
    except IndexError:
        return torch.empty(0, dtype=torch.uint8)
