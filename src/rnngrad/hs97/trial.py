"""One trial: a net that learns from a seed until the paper's criterion is met or the cap is reached."""

from dataclasses import dataclass
from math import inf
from time import monotonic, thread_time
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .criteria.recent import Window
from .machine import Machine, carried_over
from .sequences import Reals, Scores, Sequences
from .setup import Setup

State = dict[str, NDArray[Any]]
STREAMS = ("init", "set", "train", "test", "final", "failures")
STATUSES = ("running", "solved", "unsolved", "diverged")
RUNNING, SOLVED, UNSOLVED, DIVERGED = STATUSES
BLOCK_STEPS = 20_000
"""Time steps of a training block, about, where the criterion asks for no tests in between."""
TEST_BLOCK = 256
RECENT = 2000
"""Training sequences that the running error is the mean over."""


def stream(seed: int, name: str, index: int = 0) -> Generator:
    """The generator of one purpose, and of one block or test of it; independent of all others."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), index)))


@dataclass(frozen=True)
class FinalTest:
    """The net of a milestone on fresh sequences: how many wrong, and the mean errors over sequences and outputs."""

    wrong: int
    mean_squared: float
    mean_absolute: float


@dataclass(frozen=True)
class Progress:
    """Where a trial stands. ``reached``: sequences until each milestone met so far; ``tests``: the test at each."""

    status: str
    sequences: int
    steps: int
    error: float
    """Mean sum of squared errors of the last 2,000 sequences."""
    reached: dict[str, int]
    tests: dict[str, FinalTest]
    cell_added: int | None
    """Sequences before the cell joined (2a, 2b), where it joins later."""
    ns_per_step: float
    """CPU time of training, in this process; NaN until it is known."""


class Trial:
    """The trial of a setup and a seed.

    The seed gives separate streams to weights, training set, each training block and each test, so that nothing
    depends on where a trial is cut: ``Trial.resume(setup, seed, trial.state())`` goes on bit for bit. Where a
    milestone falls inside a block the block is trained again up to that sequence, from the weights before it.
    """

    def __init__(self, setup: Setup, seed: int) -> None:
        self.setup, self.seed = setup, seed
        self.problem = setup.problem.prepare(stream(seed // setup.problem.trials_per_set, "set"))
        self.judge = setup.criterion.judge(self.problem)
        self.whole = setup.topology()
        self.initial = self.whole.initial(stream(seed, "init"))
        self.later = setup.training.cell_added == "plateau"
        self.machine = self._without_cells() if self.later else Machine(self.whole, self.initial, setup.machine)
        self.status = RUNNING
        self.sequences = self.steps = self.blocks = 0
        self.cell_added = -1
        self.reached: list[int] = []
        self.tests: list[FinalTest] = []
        self.errors = Window(max(RECENT, 2 * setup.training.plateau_window))
        self.seconds, self.timed = 0.0, 0

    def advance(self, seconds: float, sequences: float = inf) -> Progress:
        """Learns for about so many seconds or up to so many sequences, one block at least, or to the trial's end."""
        until = monotonic() + seconds
        while self.status == RUNNING:
            self._block()
            if monotonic() >= until or self.sequences >= sequences:
                break
        return self.progress()

    def progress(self) -> Progress:
        """Where it stands."""
        names = self.setup.criterion.milestones
        return Progress(
            status=self.status,
            sequences=self.sequences,
            steps=self.steps,
            error=float(self.errors.kept[-RECENT:].mean()) if len(self.errors.kept) else np.nan,
            reached=dict(zip(names, self.reached, strict=False)),
            tests=dict(zip(names, self.tests, strict=False)),
            cell_added=self.cell_added if self.cell_added >= 0 else None,
            ns_per_step=1e9 * self.seconds / self.timed if self.timed else np.nan,
        )

    def state(self) -> State:
        """All that :meth:`resume` needs, as arrays."""
        numbers = {name: np.array(getattr(self, name)) for name in _COUNTERS}
        return (
            numbers
            | {"status": np.array(STATUSES.index(self.status)), "errors": self.errors.kept}
            | {"reached": np.array(self.reached, dtype=np.int64)}
            | {"tests": np.array([[t.wrong, t.mean_squared, t.mean_absolute] for t in self.tests]).reshape(-1, 3)}
            | {f"machine.{name}": value for name, value in self.machine.state.items()}
            | {f"judge.{name}": value for name, value in self.judge.state().items()}
        )

    @classmethod
    def resume(cls, setup: Setup, seed: int, state: State) -> "Trial":
        """The trial that was cut off with that state."""
        trial = cls(setup, seed)
        for name in _COUNTERS:
            setattr(trial, name, int(state[name]))
        if trial.later and trial.cell_added >= 0:
            trial.machine = Machine(trial.whole, trial.initial, setup.machine)
        trial.machine.state = _under("machine.", state)
        trial.judge.restore(_under("judge.", state))
        trial.status = STATUSES[int(state["status"])]
        trial.errors.kept = state["errors"]
        trial.reached = [int(count) for count in state["reached"]]
        trial.tests = [FinalTest(int(wrong), float(mse), float(mae)) for wrong, mse, mae in state["tests"]]
        return trial

    def _block(self) -> None:
        every = self.judge.every or max(1, int(BLOCK_STEPS / self.problem.mean_steps))
        count = min(every, self.setup.training.cap - self.sequences)
        self.blocks += 1
        self._learn(self.problem.draw(count, stream(self.seed, "train", self.blocks)))
        if self.status == RUNNING and self.judge.every:
            met = self.judge.test(self.machine.test, lambda k: stream(self.seed, "test", k), len(self.reached))
            self._reach(met - len(self.reached))
        if self.later and self.cell_added < 0 and self._error_stopped_decreasing():
            self._add_cells()
        if self.status == RUNNING and self.sequences >= self.setup.training.cap:
            self.status = UNSOLVED

    def _learn(self, block: Sequences) -> None:
        """Trains on the block, and where a milestone falls inside it stops there before it goes on."""
        before = self.machine.state
        scores = self._train(block)
        stop = self.judge.first(block, scores, len(self.reached))
        if stop is None:
            self._note(block, scores)
            return
        self.machine.state = before
        part = block.part(0, stop)
        self._note(part, self._train(part))
        self._reach(1)
        if self.status == RUNNING and stop < len(block):
            self._learn(block.part(stop, len(block)))

    def _train(self, block: Sequences) -> Scores:
        start = thread_time()
        scores = self.machine.train(block, self.setup.training.lr, outputs=self.setup.criterion.needs_outputs)
        if self.blocks > 1:  # the first one compiles
            self.seconds += thread_time() - start
            self.timed += block.steps
        return scores

    def _note(self, block: Sequences, scores: Scores) -> None:
        self.judge.push(block, scores)
        self.errors.push(scores.squared)
        self.sequences += len(block)
        self.steps += block.steps
        if not np.isfinite(scores.squared).all():
            self.status = DIVERGED

    def _reach(self, milestones: int) -> None:
        """The next so many milestones are met by the net as it is."""
        for _ in range(milestones):
            self.reached.append(self.sequences - self.setup.criterion.counted_back)
            if self.setup.criterion.final:
                self.tests.append(self._final_test(len(self.reached)))
        if len(self.reached) == len(self.setup.criterion.milestones):
            self.status = SOLVED

    def _final_test(self, milestone: int) -> FinalTest:
        rng, left = stream(self.seed, "final", milestone), self.setup.criterion.final
        wrong, errors = 0, []
        while left:
            block = self.problem.draw_test(min(left, TEST_BLOCK), rng)
            scores = self.machine.test(block, outputs=True)
            wrong += int((~(scores.last < self.setup.criterion.tolerance)).sum())
            errors.append(np.abs(block.targets - scores.outputs))
            left -= len(block)
        absolute: Reals = np.concatenate(errors)
        return FinalTest(wrong, float((absolute**2).mean()), float(absolute.mean()))

    def _without_cells(self) -> Machine:
        """The net before its cells join it, with the whole net's initial weights where it has them."""
        bare = self.setup.topology(blocks=0)
        weights = carried_over(self.initial, self.whole, bare, np.zeros(bare.count))
        return Machine(bare, weights, self.setup.machine)

    def _error_stopped_decreasing(self) -> bool:
        window, drop = self.setup.training.plateau_window, self.setup.training.plateau_drop
        recent = self.errors.kept[-2 * window :]
        if len(recent) < 2 * window:
            return False
        return bool(recent[window:].mean() >= (1 - drop) * recent[:window].mean())

    def _add_cells(self) -> None:
        """The cells join with their initial weights; counters go on."""
        old = self.machine
        self.machine = Machine(
            self.whole, carried_over(old.weights, old.net, self.whole, self.initial), self.setup.machine
        )
        self.cell_added = self.sequences


_COUNTERS = ("sequences", "steps", "blocks", "cell_added")


def _under(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
