"""Arrays that begin at a multiple of 64 bytes: a vector across two lines of the cache takes twice the time."""

import math

import numpy as np

from ..kernels.arguments import Floats

_BYTES = 64


def zeros(*shape: int) -> Floats:
    """Aligned zeros of float64."""
    size = math.prod(shape)
    room = np.zeros(size + _BYTES // 8)
    first = -room.ctypes.data % _BYTES // 8
    return room[first : first + size].reshape(shape)


def aligned(values: Floats) -> Floats:
    """An aligned copy."""
    copy = zeros(*values.shape)
    copy[...] = values
    return copy
