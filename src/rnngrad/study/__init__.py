"""Many runs: what is missing of a grid, computed somewhere, recorded here."""

from ..store.claims import Claims
from .checkpoints import Checkpoints
from .conduct import conduct
from .deadline import Deadline, OutOfTime
from .grid import Grid
from .listening import Everybody
from .plan import Plan, Portion, make_plan
from .provenance import device_name, versions
from .recorder import Recorder
from .training_job import TrainingJob, training_job
from .trial_job import TrialJob, trial_job

__all__ = [
    "Checkpoints",
    "Claims",
    "Deadline",
    "Everybody",
    "Grid",
    "OutOfTime",
    "Plan",
    "Portion",
    "Recorder",
    "TrainingJob",
    "TrialJob",
    "conduct",
    "device_name",
    "make_plan",
    "training_job",
    "trial_job",
    "versions",
]
