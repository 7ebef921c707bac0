"""One cell's seeds trained together on one problem, measured as they learn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, nan
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from .cards import Card, CellSpec
from .cells import CELLS
from .engine import Engine, Tap
from .flow import Measures, Profile, measure_flow, take_measures
from .memory import require, update_bytes
from .models import Recurrent
from .problems import Problem
from .streams import drawn_length, generator, spread_length
from .training import Trainer

TEST_BATCH = 100
"""Test sequences that run at once: bounds the memory of a test, and is a length's share where lengths are drawn."""
EXAMINED = 2
"""Samples of the probe batch of which more than the flow is measured."""


@dataclass(frozen=True)
class Outcome:
    """Where a replica stands. ``held`` is None until its first hit has been tested again."""

    steps: int = 0
    solved_at: int | None = None
    held: bool | None = None
    diverged_at: int | None = None
    finished: bool = False


@dataclass(frozen=True)
class Flow:
    """What is kept of one measurement of a replica's gradient flow.

    ``log_first_over_last`` in natural logs, ``horizon`` the first lag under 1 %, None if none is, ``profile`` the row
    of :meth:`Profile.row`.
    """

    log_first_over_last: float
    horizon: int | None
    profile: dict[str, Any]

    @classmethod
    def all_of(cls, profile: Profile) -> list["Flow"]:
        """One for every replica of the profile."""
        ratios = profile.first_over_last().tolist()
        return [cls(ratio, profile.horizon(k), profile.row(k)) for k, ratio in enumerate(ratios)]


UNMEASURED = Flow(nan, None, {})


@dataclass(frozen=True)
class Probe:
    """The flow between evaluations, at the weights after ``step`` updates; ``batch`` is "training" or "probe"."""

    step: int
    batch: str
    flow: Flow


@dataclass(frozen=True)
class Snapshot:
    """One evaluation of one replica after ``outcome.steps`` updates.

    ``train_loss`` is the mean since the last evaluation (NaN at step 0), ``flow`` that on the probe batch, ``measures``
    what :func:`~rnngrad.flow.take_measures` finds on its first samples, ``probes`` what was measured since the last
    evaluation.
    """

    replica: int
    outcome: Outcome
    train_loss: float
    scores: dict[str, float]
    flow: Flow
    seconds: float
    measures: Measures = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()


class Ensemble:
    """R replicas of one cell, one per seed, each with its own streams and its own end."""

    def __init__(
        self,
        card: Card,
        spec: CellSpec,
        seeds: Sequence[int],
        device: torch.device,
        engine: Engine,
        probe: bool = True,
        probe_every: int | None = None,
    ) -> None:
        """Builds the models; trains nothing yet. ``probe=False`` leaves the gradient flow and all else unmeasured.

        ``probe_every`` measures it at every so many updates as well: from the update's own backward pass where the
        loss is at the last step alone and the engine's norms have no limits, else on the probe batch.
        Raises UsageError if the initialisation does not fit the cell or the size does not fit the memory.
        """
        self.card = card
        self.spec = spec
        self.problem: Problem = card.make_problem()
        self.device = device
        self.probe = probe
        self.probe_every = probe_every
        self.rate = card.rate(spec)
        self.engine = engine
        problem, training = self.problem, card.training
        needed = self._bytes(len(seeds))
        require(needed, device, "use a shorter --lag, a smaller --batch or --hidden, or fewer --seeds")
        self.seeds = list(seeds)
        self.model = Recurrent.seeded(
            CELLS[spec.name], spec.init, problem.inputs, spec.hidden, problem.outputs, problem.lag, self.seeds
        ).to(device)
        self.trainer = Trainer(self.model, engine, training.optimizer, self.rate, training.clip, card.regulariser())
        self.outcomes = [Outcome() for _ in self.seeds]
        self._train = [generator(seed, "train", device) for seed in self.seeds]
        self._test = [generator(seed, "test", device) for seed in self.seeds]
        self._losses: list[tuple[list[int], Tensor]] = []
        self._probes: list[list[Probe]] = [[] for _ in self.seeds]
        self._started = monotonic()

    def _bytes(self, replicas: int) -> int:
        """Peak bytes of training, measuring and testing ``replicas`` seeds."""
        problem, hidden, cell = self.problem, self.spec.hidden, CELLS[self.spec.name]
        longest = problem.lengths[-1]
        outputs = problem.outputs if problem.scored_steps(longest) > 1 else 0
        sizes = (problem.inputs, hidden)
        update = update_bytes(self.engine, cell, replicas, longest, self.card.training.batch, *sizes, outputs)
        omega = self.card.regulariser()
        if omega:
            update += omega.bytes(cell, replicas, longest, self.card.training.batch, hidden)
        kept = self.engine.kept_bytes(cell, replicas, longest, TEST_BATCH, *sizes, grad=False)
        return update + kept + 4 * replicas * longest * TEST_BATCH * (3 * problem.inputs + 2 * outputs)

    def run(self) -> Iterator[list[Snapshot]]:
        """Trains until every replica has ended. After every update yields the evaluations that fell due, often none.

        A replica is evaluated at step 0, every ``eval_every`` updates and at its own end: ``hold`` updates after its
        first hit, else after ``max_steps``, or as soon as it is seen to have diverged.
        """
        every = self.card.training.eval_every
        self._started = monotonic()
        step = 0
        while True:
            due = [r for r in self._active() if step % every == 0 or step == self._end(r)]
            yield self._evaluate(due, step)
            if step % every == 0:
                self._losses.clear()
            if not self._active():
                return
            self._update(step)
            step += 1

    def _active(self) -> list[int]:
        return [r for r, outcome in enumerate(self.outcomes) if not outcome.finished]

    def _end(self, replica: int) -> int:
        """The step at which the replica's training ends, as far as is known now."""
        hit = self.outcomes[replica].solved_at
        return self.card.training.max_steps if hit is None else hit + self.card.stop.hold

    def _update(self, step: int) -> None:
        rows = self._active()
        length = drawn_length(self.problem.lengths, "train", step)
        x, target = self._batch(rows, self._train, length, self.card.training.batch)
        keep, tap = self.problem.scored_steps(length), None
        if self.probe_every and step % self.probe_every == 0:
            if keep == 1 and self.engine.log_safe:
                tap = Tap(scale=1 / self.card.training.batch, mean=True)
            else:
                self._note(step, "probe", rows, self._flow(rows, *self._probe_batch(rows)))
        losses = self.trainer.update(rows, x, target, keep, self.problem.loss, tap)
        if tap:
            self._note(step, "training", rows, Flow.all_of(Profile.heard(self.model.cell, tap)))
        self._losses.append((rows, losses))

    def _note(self, step: int, batch: str, rows: Sequence[int], flows: Sequence[Flow]) -> None:
        """Keeps the flows until the next evaluation."""
        for row, flow in zip(rows, flows, strict=True):
            self._probes[row].append(Probe(step, batch, flow))

    def _batch(
        self, rows: Sequence[int], streams: list[torch.Generator], length: int, batch: int
    ) -> tuple[Tensor, Tensor]:
        pairs = [self.problem.sample(length, batch, streams[r]) for r in rows]
        x, target = zip(*pairs, strict=True)
        return torch.stack(x), torch.stack(target)

    def _evaluate(self, rows: list[int], step: int) -> list[Snapshot]:
        if not rows:
            return []
        scores = self._test_scores(rows)
        train = self._train_losses()
        for r, own in zip(rows, scores, strict=True):
            self.outcomes[r] = self._judge(r, step, own, train[:, r])
        flow, measures = self._observed(rows)
        snapshots = [
            Snapshot(
                replica=r,
                outcome=self.outcomes[r],
                train_loss=float(train[:, r].mean()) if len(train) else nan,
                scores=scores[k],
                flow=flow[k],
                seconds=monotonic() - self._started,
                measures=measures[k],
                probes=tuple(self._probes[r]),
            )
            for k, r in enumerate(rows)
        ]
        for r in rows:
            self._probes[r].clear()
        return snapshots

    def _train_losses(self) -> Tensor:
        """Losses of the updates since the last evaluation, (updates, R), NaN where a replica was frozen."""
        table = torch.full((len(self._losses), len(self.seeds)), nan, dtype=torch.float64)
        if self._losses:
            rows, columns = zip(*[(k, r) for k, (active, _) in enumerate(self._losses) for r in active], strict=True)
            table[rows, columns] = torch.cat([losses for _, losses in self._losses]).double().cpu()
        return table

    def _judge(self, replica: int, step: int, scores: dict[str, float], train_losses: Tensor) -> Outcome:
        """The replica's outcome after an evaluation."""
        outcome = replace(self.outcomes[replica], steps=step)
        broken = torch.nonzero(~train_losses.isfinite())
        if len(broken) or not isfinite(scores["loss"]):
            first = step - len(train_losses) + int(broken[0]) if len(broken) else step
            return replace(outcome, diverged_at=first, held=None, finished=True)
        met = self.card.stop.met(scores)
        if outcome.solved_at is None and met:
            outcome = replace(outcome, solved_at=step)
        self.outcomes[replica] = outcome
        if step < self._end(replica):
            return outcome
        return replace(outcome, finished=True, held=None if outcome.solved_at is None else met)

    @torch.no_grad()
    def _test_scores(self, rows: list[int]) -> list[dict[str, float]]:
        """Loss and scores of each replica on fresh sequences of its own test stream."""
        model = self.model.select(rows)
        params, on = model.params(), self.card.stop.on
        sums: dict[str, Any] = {}
        for start in range(0, on, TEST_BATCH):
            batch = min(TEST_BATCH, on - start)
            length = spread_length(self.problem.lengths, start // TEST_BATCH, -(-on // TEST_BATCH))
            x, target = self._batch(rows, self._test, length, batch)
            outputs = model.outputs(params, x, self.problem.scored_steps(length), self.engine)
            scores = {"loss": self.problem.loss(outputs, target), **self.problem.scores(outputs, target)}
            for name, value in scores.items():
                sums[name] = sums.get(name, 0.0) + value.double() * (batch / on)
        columns = {name: value.tolist() for name, value in sums.items()}
        return [{name: column[k] for name, column in columns.items()} for k in range(len(rows))]

    def _observed(self, rows: list[int]) -> tuple[list[Flow], list[Measures]]:
        """Gradient flow and measures of each replica on its fixed probe batch, the same at every evaluation."""
        if not self.probe:
            return [UNMEASURED for _ in rows], [{} for _ in rows]
        x, target = self._probe_batch(rows)
        return self._flow(rows, x, target), self._measures(rows, x[:, :, :EXAMINED], target[..., :EXAMINED])

    def _probe_batch(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        probes = [generator(seed, "probe", self.device) for seed in self.seeds]
        return self._batch(rows, probes, self.problem.lengths[-1], self.card.training.batch)

    def _flow(self, rows: list[int], x: Tensor, target: Tensor) -> list[Flow]:
        model = self.model.select(rows)
        return Flow.all_of(measure_flow(model, x, lambda out: self.problem.last_step_loss(out, target), self.engine))

    def _measures(self, rows: list[int], x: Tensor, target: Tensor) -> list[Measures]:
        model, scale = self.model.select(rows), 1 / self.card.training.batch
        return take_measures(model, x, lambda out: self.problem.last_step_loss(out, target), self.engine, scale)
