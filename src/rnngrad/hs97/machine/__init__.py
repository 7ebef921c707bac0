"""Nets of the 1997 paper that learn as they did then: what a net is, how the text is read, the machine that learns."""

from .machine import TEXT, Machine, as_read
from .reading import Reading
from .topology import RecurrentNet, Topology, carried_over

__all__ = ["TEXT", "Machine", "Reading", "RecurrentNet", "Topology", "as_read", "carried_over"]
