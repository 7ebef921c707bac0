"""Time beside depth: one net as layers and as steps, measured alike."""

from .measure import measure
from .setting import Setting

__all__ = ["Setting", "measure"]
