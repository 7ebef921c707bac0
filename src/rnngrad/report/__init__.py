"""Tables and figures from stored rows, without training."""

from .experiments import FIGURES, Found, draw_found, found
from .lags import Swept, draw_swept, swept
from .runs import draw

__all__ = ["FIGURES", "Found", "Swept", "draw", "draw_found", "draw_swept", "found", "swept"]
