"""Portions of an experiment as jobs: each is measured anywhere in one go, and known again by its key."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .jobs import Job, Report, State, Tick, key_of
from .measurement import Measurement

NUMERICS = 1
"""To be raised with every change that changes the numbers of an experiment: stored ones are then measured again."""

Measure = Callable[[], Iterable[list[Measurement]]]


@dataclass(frozen=True)
class MeasuringJob(Job):
    """One portion. ``measure`` yields its numbers in ``batches`` batches, which may be empty: they tell how far it is.

    ``peak``: bytes that it needs, an upper estimate.
    """

    measure: Measure
    batches: int
    peak: int

    @property
    def budget(self) -> int:
        return self.batches

    def memory(self, runs: int) -> int:
        return self.peak

    def part(self, keys: set[str]) -> "MeasuringJob":
        return self

    def ticks(self, state: State | None = None) -> Iterator[Tick]:
        """All numbers come together, at the end: a portion is in the store as a whole or not at all."""
        found, batches = list[Measurement](), 0
        for batches, batch in enumerate(self.measure(), start=1):
            found += batch
            yield Tick(batches)
        yield Tick(batches, (Report(self.keys[0], numbers=tuple(found)),))


def measuring_job(decides: Mapping[str, Any], measure: Measure, peak: int, batches: int = 1) -> MeasuringJob:
    """``decides``: all that the numbers depend on, ready for JSON; jobs with the same have the same key.

    ``measure`` is to be pickled: a function of a module, or a ``functools.partial`` of one.
    """
    return MeasuringJob(({"key": key_of({**decides, "numerics": NUMERICS})},), measure, batches, peak)
