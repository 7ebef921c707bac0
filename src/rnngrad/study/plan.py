"""What is missing of what was asked for, and in which portions it is computed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..jobs import Job, State
from .checkpoints import Checkpoint


@dataclass(frozen=True)
class Portion:
    """A job that is to be computed, from the beginning or from a checkpoint."""

    job: Job
    checkpoint: Checkpoint | None = None

    @property
    def step(self) -> int | None:
        """Where it starts; None for the beginning."""
        return self.checkpoint.step if self.checkpoint else None

    def state(self) -> State | None:
        """What it starts from, if not from the beginning."""
        return self.checkpoint.state() if self.checkpoint else None


@dataclass(frozen=True)
class Plan:
    """``asked``: all jobs; of their runs' keys ``ended`` need nothing more and ``elsewhere`` are computed by another
    command; ``portions``: the rest.
    """

    asked: tuple[Job, ...]
    ended: frozenset[str]
    elsewhere: frozenset[str]
    portions: tuple[Portion, ...]

    @property
    def keys(self) -> set[str]:
        """The keys of all runs."""
        return {key for job in self.asked for key in job.keys}


def make_plan(
    asked: Sequence[Job],
    ended: Collection[str],
    checkpoints: Sequence[Checkpoint],
    room: int | None,
    workers: int = 1,
    elsewhere: Collection[str] = (),
) -> Plan:
    """Runs of one job are computed together, as many as fit ``room`` bytes and as leaves no worker without work.

    ``ended``, ``elsewhere``: keys of runs that are not to be computed. ``checkpoints``: the furthest first. ``room``:
    of one worker, None if it is not known.
    """
    keys = frozenset(key for job in asked for key in job.keys)
    done, others = keys.intersection(ended), keys.intersection(elsewhere)
    resumed = [portion for job in asked for portion in _resumed(job, done | others, checkpoints)]
    going_on = {key for portion in resumed for key in portion.job.keys}
    fresh = [job.part(missing) for job in asked if (missing := set(job.keys) - done - others - going_on)]
    shares = -(-workers // max(1, len(fresh) + len(resumed)))
    return Plan(tuple(asked), done, others, (*resumed, *(part for job in fresh for part in _cut(job, shares, room))))


def _resumed(job: Job, done: Collection[str], checkpoints: Sequence[Checkpoint]) -> Iterator[Portion]:
    missing = set(job.keys) - set(done)
    for checkpoint in checkpoints:
        found = missing & set(checkpoint.keys)
        if found:
            missing -= found
            yield Portion(job.part(found), checkpoint)


def _cut(job: Job, shares: int, room: int | None) -> Iterator[Portion]:
    """The job in so many portions of equal size, or in more where they would not fit."""
    size = -(-len(job.keys) // shares)
    while room is not None and size > 1 and job.memory(size) > room:
        size -= 1
    for start in range(0, len(job.keys), size):
        yield Portion(job.part(set(job.keys[start : start + size])))
