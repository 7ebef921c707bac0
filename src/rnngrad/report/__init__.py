"""Tables and figures from stored rows, without training."""

from .experiments import FIGURES, Found, draw_found, found
from .lags import Swept, draw_swept, swept
from .readings import Readings
from .reruns import Rerunning, draw_reruns, rerunning
from .runs import draw

__all__ = [
    "FIGURES",
    "Found",
    "Readings",
    "Rerunning",
    "Swept",
    "draw",
    "draw_found",
    "draw_reruns",
    "draw_swept",
    "found",
    "rerunning",
    "swept",
]
