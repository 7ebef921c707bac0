"""From an experiment's stored numbers to what is printed and drawn. To add one, copy a file and add it to FINDINGS."""

from . import chain, depth_and_time, factors, glorot, nielsen, remedies
from .base import Finding

FINDINGS: dict[str, Finding] = {
    "nielsen": nielsen,
    "glorot": glorot,
    "chain": chain,
    "factors": factors,
    "remedies": remedies,
    "depth-and-time": depth_and_time,
}
"""By the experiment's name."""

__all__ = ["FINDINGS", "Finding"]
