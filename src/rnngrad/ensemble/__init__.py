"""One cell's seeds trained together on one problem, measured as they learn."""

from .ensemble import NUMERICS, Ensemble, training_bytes
from .outcome import Flow, Outcome, Probe, Snapshot

__all__ = ["NUMERICS", "Ensemble", "Flow", "Outcome", "Probe", "Snapshot", "training_bytes"]
