"""Nets of the 1997 paper that learn as they did then.

topology.py says what a net is, reading.py how its text is read; machine.py
learns, from weights that packing.py lays out for the kernels in room.py's arrays; recording.py looks inside over one
sequence, carousel.py measures how far gradients reach there.
"""

from .carousel import HiddenFlow, StateFlow, hidden_flow, state_flow
from .machine import TEXT, Machine, as_read, prepare
from .reading import Reading
from .recording import Recording, record, record_hidden
from .topology import RecurrentNet, Topology, carried_over

__all__ = [
    "TEXT",
    "HiddenFlow",
    "Machine",
    "Reading",
    "Recording",
    "RecurrentNet",
    "StateFlow",
    "Topology",
    "as_read",
    "carried_over",
    "hidden_flow",
    "prepare",
    "record",
    "record_hidden",
    "state_flow",
]
