"""Chains of states with a read-out: ensembles of independently seeded models that run as one."""

from .feed_forward import FeedForward
from .recurrent import Recurrent
from .replicas import Replicas

__all__ = ["FeedForward", "Recurrent", "Replicas"]
