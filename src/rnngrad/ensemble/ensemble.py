"""One cell's seeds trained together on one problem, measured as they learn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isfinite, nan
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from ..cards import Card, CellSpec
from ..cells import CELLS
from ..engine import Engine, Tap
from ..flow import Measures, Profile, measure_flow, take_measures
from ..memory import require, update_bytes
from ..models import Recurrent
from ..problems import Problem
from ..streams import drawn_length, generator, spread_length
from ..training import Trainer
from .outcome import UNMEASURED, Flow, Outcome, Probe, Snapshot

TEST_BATCH = 100
"""Test sequences that run at once: bounds the memory of a test, and is a length's share where lengths are drawn."""
EXAMINED = 2
"""Samples of the probe batch of which more than the flow is measured."""
NUMERICS = 1
"""Raised by whoever changes what a run computes: runs of another version are other runs."""


def training_bytes(card: Card, spec: CellSpec, engine: Engine, replicas: int) -> int:
    """Peak bytes of training, measuring and testing ``replicas`` seeds, an upper estimate."""
    problem, hidden, cell = card.make_problem(), spec.hidden, CELLS[spec.name]
    longest = problem.lengths[-1]
    outputs = problem.outputs if problem.scored_steps(longest) > 1 else 0
    sizes = (problem.inputs, hidden)
    update = update_bytes(engine, cell, replicas, longest, card.training.batch, *sizes, outputs)
    omega = card.regulariser()
    if omega:
        update += omega.bytes(cell, replicas, longest, card.training.batch, hidden)
    kept = engine.kept_bytes(cell, replicas, longest, TEST_BATCH, *sizes, grad=False)
    return update + kept + 4 * replicas * longest * TEST_BATCH * (3 * problem.inputs + 2 * outputs)


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
        needed = training_bytes(card, spec, engine, len(seeds))
        require(needed, device, "use a shorter lag, a smaller --batch or --hidden, or fewer --seeds")
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
        self.step = 0
        self._restored = False
        self._spent = 0.0
        self._started = monotonic()

    def run(self) -> Iterator[list[Snapshot]]:
        """Trains until every replica has ended. After every update yields the evaluations that fell due, often none.

        A replica is evaluated at step 0, every ``eval_every`` updates and at its own end: ``hold`` updates after its
        first hit, else after ``max_steps``, or as soon as it is seen to have diverged. An ensemble that was restored
        goes on with the update after the evaluation at which it was saved.
        """
        self._started = monotonic() - self._spent
        if not self._restored:
            yield self._due()
        while self._active():
            self._update(self.step)
            self.step += 1
            yield self._due()

    @property
    def resumable(self) -> bool:
        """Whether :meth:`saved` gives all that is needed to go on from here: just after an evaluation of all."""
        return self.step % self.card.training.eval_every == 0

    def saved(self) -> tuple[list[dict[str, Tensor]], dict[str, Any]]:
        """What goes on after this evaluation: of each replica weights, optimiser and streams; and facts.

        The facts are JSON's: ``step``, ``seconds`` and the replicas' ``outcomes``.
        """
        facts = {"step": self.step, "seconds": monotonic() - self._started, "outcomes": [*map(asdict, self.outcomes)]}
        return [self._saved(replica) for replica in range(len(self.seeds))], facts

    def restore(self, replicas: Sequence[Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
        """Puts an ensemble of these seeds where another one was; from there on it has the same numbers, bit for bit."""
        for replica, tensors in enumerate(replicas):
            self._restore(replica, tensors)
        self.outcomes = [Outcome(**outcome) for outcome in facts["outcomes"]]
        self.step, self._spent, self._restored = facts["step"], facts["seconds"], True

    def _saved(self, replica: int) -> dict[str, Tensor]:
        streams = {"train": self._train[replica].get_state(), "test": self._test[replica].get_state()}
        return {"theta": self.model.theta[replica].cpu(), **streams, **self.trainer.moments(replica)}

    def _restore(self, replica: int, tensors: Mapping[str, Tensor]) -> None:
        self.model.theta[replica].copy_(tensors["theta"])
        self._train[replica].set_state(tensors["train"])
        self._test[replica].set_state(tensors["test"])
        self.trainer.set_moments(replica, tensors)

    def _due(self) -> list[Snapshot]:
        """Evaluates those whose time has come."""
        every = self.card.training.eval_every
        snapshots = self._evaluate([r for r in self._active() if self.step % every == 0 or self.step == self._end(r)])
        if self.step % every == 0:
            self._losses.clear()
        return snapshots

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

    def _evaluate(self, rows: list[int]) -> list[Snapshot]:
        if not rows:
            return []
        scores = self._test_scores(rows)
        train = self._train_losses()
        for r, own in zip(rows, scores, strict=True):
            self.outcomes[r] = self._judge(r, self.step, own, train[:, r])
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
