"""Many runs: what is missing of a grid, computed somewhere, recorded here."""

from .checkpoints import Checkpoints
from .claims import Claims
from .conduct import conduct
from .grid import Grid
from .listening import Everybody
from .plan import Plan, Portion, make_plan
from .provenance import device_name, versions
from .recorder import Recorder
from .training_job import TrainingJob, training_job

__all__ = [
    "Checkpoints",
    "Claims",
    "Everybody",
    "Grid",
    "Plan",
    "Portion",
    "Recorder",
    "TrainingJob",
    "conduct",
    "device_name",
    "make_plan",
    "training_job",
    "versions",
]
