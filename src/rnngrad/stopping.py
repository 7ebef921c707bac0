"""When a run counts as solved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

RULES: dict[str, Callable[[Mapping[str, float], float], bool]] = {
    "loss_below": lambda scores, value: scores["loss"] < value,
    "recall_at_least": lambda scores, value: scores["recall"] >= value,
    "accuracy_at_least": lambda scores, value: scores["accuracy"] >= value,
    "exact_at_least": lambda scores, value: scores["exact"] >= value,
}
"""Test scores and the card's value to: is the rule met?"""

SCORES = {rule: rule.split("_")[0] for rule in RULES}
"""The score that each rule reads: all but the loss are shares."""


@dataclass(frozen=True)
class StopRule:
    """Solved at the first evaluation, on ``on`` fresh sequences, whose scores meet the rule.

    A run trains ``hold`` updates more after that first hit and is tested again: does it hold?
    """

    rule: str = field(metadata={"choices": RULES})
    value: float = field(metadata={"least": 0})
    on: int = field(default=1000, metadata={"least": 1})
    hold: int = field(default=200, metadata={"least": 0})

    def met(self, scores: Mapping[str, float]) -> bool:
        """Whether the test scores of one evaluation meet the rule; NaN meets none."""
        return RULES[self.rule](scores, self.value)
