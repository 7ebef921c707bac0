"""What an executor does."""

from collections.abc import Sequence
from typing import Protocol

from ..listening import Listener
from ..plan import Portion


class Executor(Protocol):
    """Computes portions of a plan; a portion that fails is told of and does not keep the others from being computed."""

    def carry_out(self, portions: Sequence[Portion], listener: Listener) -> None: ...


def reason(error: BaseException) -> str:
    """Why a job failed, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
