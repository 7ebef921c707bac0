"""A task card over lags, rates, cells and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..cards import Card, override
from ..errors import UsageError
from ..schema import each_once
from .training_job import TrainingJob, training_job

MOST_RUNS = 100_000


@dataclass(frozen=True)
class Grid:
    """What one command asks for: a resolved card, the lags and rates to vary it over, seeds, and where it runs.

    Without ``rates`` every cell has the card's. ``flags``: what lags and rates are called where they were given.
    """

    card: Card
    lags: Sequence[int]
    rates: Sequence[float]
    seeds: Sequence[int]
    device: str
    command: str
    engine: str = "auto"
    probe_every: int | None = None
    flags: tuple[str, str] = ("lag", "lr")

    def jobs(self) -> list[TrainingJob]:
        """One per lag, rate and cell, in this order. Raises UsageError for what cannot be built."""
        cards = self.cards()
        runs = len(cards) * len(self.card.cells) * len(self.seeds)
        if runs > MOST_RUNS:
            raise UsageError(
                f"this grid has {runs:,} runs; one command takes at most {MOST_RUNS:,}: ask for fewer seeds"
            )
        where = (self.device, self.engine, self.command, self.probe_every)
        return [training_job(card, spec, self.seeds, *where) for card in cards for spec in card.cells]

    def cards(self) -> list[Card]:
        """One per lag and rate. Raises UsageError for what does not fit together, or is there twice."""
        lag_flag, rate_flag = self.flags
        lags, rates = each_once(self.lags, f"'--{lag_flag}'"), each_once(self.rates, f"'--{rate_flag}'")
        cards = [replace(self.card, problem=override(self.card.problem, **{lag_flag: lag})) for lag in lags]
        varied = [_at_rate(card, {rate_flag: rate}) for card in cards for rate in rates] if rates else cards
        for card in varied:
            card.check()
        return varied


def _at_rate(card: Card, rate: dict[str, float]) -> Card:
    """Every cell at this learning rate, by its flag, instead of each one's tuned one."""
    return replace(card, training=replace(override(card.training, **rate), tuned={}))
