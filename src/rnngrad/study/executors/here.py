"""In this process, one portion after the other."""

from collections.abc import Sequence

from ..listening import Listener
from ..plan import Portion
from .base import reason


class Here:
    """Every tick is told at once."""

    def carry_out(self, portions: Sequence[Portion], listener: Listener) -> None:
        """Computes the portions in their order."""
        for portion in portions:
            self._compute(portion, listener)

    def _compute(self, portion: Portion, listener: Listener) -> None:
        job, ticks = portion.job, None
        listener.started(job, portion.step)
        while True:
            try:
                ticks = ticks or job.ticks(portion.state())
                tick = next(ticks, None)
            except Exception as error:  # whatever it is: the other runs go on, and the store has the reason
                listener.failed(job, reason(error))
                return
            if tick is None:
                listener.ended(job)
                return
            listener.ticked(job, tick)
