"""The paper's stop criteria, one file each; a card's [criterion] names one by its ``kind``."""

from .base import Criterion, Examined, Judge
from .grammar import Grammar
from .held_out import HeldOut
from .recent import Recent
from .successive import Successive

CRITERIA: dict[str, type[Criterion]] = {
    "grammar": Grammar,
    "successive": Successive,
    "held_out": HeldOut,
    "recent": Recent,
}

__all__ = ["CRITERIA", "Criterion", "Examined", "Judge"]
