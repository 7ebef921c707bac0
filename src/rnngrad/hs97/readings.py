"""Readings of the paper, by name: sets of options that differ from the plain reading of the text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT = "text"
"""The plain reading: a card as it stands."""


@dataclass(frozen=True)
class NamedReading:
    """A card's [[reading]]. ``contradicts``: does it go against the text, or only fill in what the text leaves open?"""

    name: str = field(metadata={"pattern": r"[a-z][a-z0-9_]{0,39}"})
    why: str = field(metadata={"pattern": ".+"})
    contradicts: bool
    set: Mapping[str, Any]


COMMON = (
    NamedReading(
        "factor_two",
        "equations 16 and 17 differentiate the sum of squares without 1/2; equation 19 has no factor 2",
        False,
        {"half": False},
    ),
    NamedReading(
        "no_derivative",
        "the output error without the logistic's derivative that equation 19 has",
        True,
        {"derivative": False},
    ),
    NamedReading("linear_outputs", "output units that are not logistic, against section 5", True, {"output": "linear"}),
    NamedReading(
        "caption_ranges",
        "g in [-1, 1] and h in [-2, 2], as the caption of table 10 has it, against text and appendix",
        True,
        {"ranges": "caption"},
    ),
    NamedReading("exact_gradient", "the whole gradient in place of the truncated one", True, {"gradient": "exact"}),
)
"""Those that every card has."""
