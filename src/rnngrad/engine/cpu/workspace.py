"""Memory that outlives an unrolling: what one update kept serves the next.

Fresh memory costs a page fault for every 4 kB, which at long lags takes as long as the arithmetic.
"""

from math import prod

import torch
from torch import Tensor

_spare: list[Tensor] = []


def borrow(like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Uninitialised tensors of these shapes, of the dtype of ``like``, side by side in the spare memory or in new."""
    counts = [-(-prod(shape) * like.element_size() // 64) * 64 for shape in shapes]
    space = _taken()
    if space.numel() < sum(counts):
        del space  # before the new is there: never both at once
        space = torch.empty(sum(counts), dtype=torch.uint8)
    tensors, begin = [], 0
    for shape, count in zip(shapes, counts, strict=True):
        size = prod(shape) * like.element_size()
        tensors.append(space[begin : begin + size].view(like.dtype).view(shape))
        begin += count
    return tensors


def give_back(tensors: list[Tensor]) -> None:
    """Let the next unrolling have the memory of borrowed tensors, which nobody may read any more."""
    space = torch.empty(0, dtype=torch.uint8).set_(tensors[0].untyped_storage())
    other = _taken()
    _spare[:] = [max(space, other, key=Tensor.numel)]


def _taken() -> Tensor:
    """The spare memory, which is then no longer spare; an empty tensor if there is none."""
    try:
        return _spare.pop()
    except IndexError:
        return torch.empty(0, dtype=torch.uint8)
