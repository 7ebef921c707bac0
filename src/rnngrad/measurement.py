"""One number of an experiment: a row of a long table."""

from typing import NamedTuple


class Measurement(NamedTuple):
    """A measured or an exact number. Layers and hidden layers are counted from 1 at the input side; logs are natural.

    ``variant`` names what an experiment compares (an initialisation, a factor); ``x`` is the argument where the value
    is that of a function.
    """

    quantity: str
    value: float
    seed: int | None = None
    hidden_layers: int | None = None
    epoch: int | None = None
    layer: int | None = None
    variant: str = ""
    x: float | None = None
