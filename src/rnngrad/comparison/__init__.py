"""Time beside depth: one net as layers and as steps, measured alike."""

from .measure import jobs
from .setting import Setting

__all__ = ["Setting", "jobs"]
