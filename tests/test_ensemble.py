"""Training an ensemble: independence of the replicas, freezing, divergence, and that observing disturbs nothing."""

from dataclasses import replace
from math import log

import pytest
import torch
from conftest import ensemble_of, small_card

from rnngrad import cards
from rnngrad.engine import ENGINES
from rnngrad.engine.cpu import workers
from rnngrad.ensemble import Outcome
from rnngrad.flow import measure_flow
from rnngrad.problems import PROBLEMS
from rnngrad.streams import spread_length


def trained(ensemble):
    """All snapshots of a run to its end."""
    return [snapshot for snapshots in ensemble.run() for snapshot in snapshots]


def of_replica(snapshots, replica):
    """One replica's snapshots without the wall time and the row."""
    return [replace(s, replica=0, seconds=0.0) for s in snapshots if s.replica == replica]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("task", "protocol"), [("adding", "arjovsky"), ("adding", "hs97"), ("copy", "variable")])
def test_a_seed_alone_gives_the_numbers_of_that_seed_among_many(engine, cell, task, protocol):
    """Bit for bit on the fused engine. torch's own kernels, and so the reference engine, round the end of an array
    another way than its middle, and where a replica lies depends on its neighbours."""
    card = small_card(task, cell, lag=24)
    card = replace(card, problem=replace(card.problem, protocol=protocol))
    many = ensemble_of(card, range(5), ENGINES[engine])
    alone = ensemble_of(card, [3], ENGINES[engine])
    among = of_replica(trained(many), 3)
    own = of_replica(trained(alone), 0)
    if engine == "cpu":
        assert [s.outcome for s in own] == [s.outcome for s in among]
        assert repr([(s.train_loss, s.scores) for s in own]) == repr([(s.train_loss, s.scores) for s in among])
        assert torch.equal(alone.model.theta[0], many.model.theta[3])
    torch.testing.assert_close(alone.model.theta[0], many.model.theta[3], rtol=1e-4, atol=1e-5)
    for a, b in zip(own, among, strict=True):
        assert a.flow.log_first_over_last == pytest.approx(b.flow.log_first_over_last, rel=1e-6)


@pytest.mark.parametrize("task", cards.shipped())
def test_a_seed_alone_keeps_its_bits_at_the_size_of_the_cards(task):
    """Kernels of torch change with the size: what holds for six units need not hold for thirty-two."""
    card = small_card(task, "lstm", lag=50, batch=32, max_steps=3, eval_every=3)
    card = replace(card, cells=(replace(card.cells[0], hidden=32),))
    many, alone = ensemble_of(card, range(3), ENGINES["cpu"]), ensemble_of(card, [1], ENGINES["cpu"])
    among, own = of_replica(trained(many), 1), of_replica(trained(alone), 0)
    assert [(s.train_loss, s.scores, s.flow) for s in own[1:]] == [(s.train_loss, s.scores, s.flow) for s in among[1:]]
    assert torch.equal(alone.model.theta[0], many.model.theta[1])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("task", ["adding", "copy"])
def test_the_number_of_threads_changes_no_bit(cell, task, monkeypatch):
    """So a run may begin on two threads and go on in a worker that has one."""
    card = small_card(task, cell, lag=24, batch=32, max_steps=4, eval_every=2)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(workers, "_taken", [threads])
        ensemble = ensemble_of(card, range(2), ENGINES["cpu"])
        found.append((of_replica(trained(ensemble), 0), ensemble.model.theta))
    assert repr(found[0]) == repr(found[1]) == repr(found[2])
    assert all(torch.equal(found[0][1], theta) for _, theta in found)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_fused_engine_and_the_reference_train_alike(cell):
    """Fifty updates of the default task at a shorter lag: they part by rounding, which training amplifies, not more."""
    card = small_card(cell=cell, lag=30, batch=32, max_steps=50, eval_every=50, lr=1e-3)
    card = replace(card, cells=(replace(card.cells[0], hidden=32),))
    fused, reference = (ensemble_of(card, range(2), ENGINES[name]) for name in ("cpu", "reference"))
    for ours, truth in zip(trained(fused), trained(reference), strict=True):
        assert ours.scores["loss"] == pytest.approx(truth.scores["loss"], rel=1e-4)
        assert ours.flow.log_first_over_last == pytest.approx(truth.flow.log_first_over_last, rel=1e-3)
    torch.testing.assert_close(fused.model.theta, reference.model.theta, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_probing_changes_no_bit_of_the_trained_weights(card, name):
    before = torch.get_rng_state()
    engine = ENGINES[name]
    with_probes, without = ensemble_of(card, engine=engine), ensemble_of(card, engine=engine, probe=False)
    trained(with_probes)
    trained(without)
    assert torch.equal(with_probes.model.theta, without.model.theta)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("task", ["adding", "copy"])
@pytest.mark.parametrize("name", ENGINES)
def test_probing_every_update_changes_no_bit_either(task, name):
    card = small_card(task)
    every, never = (ensemble_of(card, engine=ENGINES[name], probe_every=n) for n in (1, None))
    trained(every)
    trained(never)
    assert torch.equal(every.model.theta, never.model.theta)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_flow_of_an_update_is_that_of_its_own_batch_at_its_own_weights(cell):
    """Heard in float32 from the backward pass of training; measured again in float64 by a pass of its own."""
    card = small_card(cell=cell, lag=150, max_steps=3, eval_every=3)
    ensemble, twin = (ensemble_of(card, engine=ENGINES["cpu"], probe_every=n) for n in (2, None))
    snapshots = trained(ensemble)
    rows = twin._active()
    x, target = twin._batch(rows, twin._train, 150, card.training.batch)
    again = measure_flow(twin.model, x, lambda out: twin.problem.last_step_loss(out, target), ENGINES["reference"])
    for replica in rows:
        heard = [probe for s in snapshots if s.replica == replica for probe in s.probes]
        assert [(probe.step, probe.batch) for probe in heard] == [(0, "training"), (2, "training")]
        assert heard[0].flow.log_first_over_last == pytest.approx(float(again.first_over_last()[replica]), abs=1e-3)
        assert heard[0].flow.horizon == again.horizon(replica)
        assert heard[0].flow.profile.keys() == again.row(replica).keys()


@pytest.mark.parametrize(("task", "name"), [("copy", "cpu"), ("adding", "reference")])
def test_where_the_update_cannot_tell_the_probe_batch_does(task, name):
    """A loss at many steps, or an engine whose norms underflow."""
    card = small_card(task, max_steps=4, eval_every=2)
    start, *later = [s for s in trained(ensemble_of(card, engine=ENGINES[name], probe_every=1)) if s.replica == 0]
    probes = [probe for s in later for probe in s.probes]
    assert [(probe.step, probe.batch) for probe in probes] == [(step, "probe") for step in range(4)]
    assert probes[0].flow == start.flow


def test_every_cell_of_a_card_sees_the_same_batches(card):
    rnn, lstm = ensemble_of(small_card(cell="rnn")), ensemble_of(small_card(cell="lstm"))
    for _ in range(3):
        batches = [e._batch([0, 1], e._train, 12, 8) for e in (rnn, lstm)]
        assert torch.equal(batches[0][0], batches[1][0])
        assert torch.equal(batches[0][1], batches[1][1])


def test_clipping_acts_after_the_backward_pass_on_each_replica_alone():
    """Under plain descent the update is lr times the clipped gradient, so its norm is lr · clip exactly."""
    clip, lr = 1e-3, 0.5
    ensemble = ensemble_of(small_card(optimizer="sgd", clip=clip, lr=lr))
    start = ensemble.model.theta.clone()
    ensemble._update(0)
    moved = (ensemble.model.theta - start).norm(dim=1)
    torch.testing.assert_close(moved, torch.full((2,), lr * clip), rtol=1e-2, atol=0)
    free = ensemble_of(small_card(optimizer="sgd", clip=1e9, lr=lr))
    free._update(0)
    assert ((free.model.theta - start).norm(dim=1) > 10 * lr * clip).all()


def test_a_solved_replica_trains_hold_updates_more_and_freezes(card):
    """Every test loss meets the rule of this card, so each replica hits at step 0 and ends at ``hold`` = 10."""
    easy = replace(card, stop=replace(card.stop, value=1e9))
    ensemble = ensemble_of(easy)
    snapshots = trained(ensemble)
    assert all(outcome == Outcome(10, 0, True, None, True) for outcome in ensemble.outcomes)
    assert {s.outcome.steps for s in snapshots} == {0, 10}


def test_a_frozen_replica_keeps_its_weights_while_the_others_train(card):
    ensemble = ensemble_of(card)
    ensemble.outcomes[0] = Outcome(finished=True)
    start = ensemble.model.theta.clone()
    ensemble._update(0)
    assert torch.equal(ensemble.model.theta[0], start[0])
    assert not torch.equal(ensemble.model.theta[1], start[1])


def test_a_hit_at_the_last_step_is_still_held(card):
    """Training goes on past the budget: an unheld hit would be neither a success nor a failure."""
    ensemble = ensemble_of(card)
    scores = {"loss": 1e-9}
    outcome = ensemble._judge(0, card.training.max_steps, scores, torch.ones(10))
    assert not outcome.finished
    assert outcome.solved_at == card.training.max_steps
    ensemble.outcomes[0] = outcome
    lost = ensemble._judge(0, card.training.max_steps + card.stop.hold, {"loss": 1.0}, torch.ones(10))
    assert lost.finished
    assert lost.held is False


def test_an_unsolved_replica_gets_the_whole_budget_and_no_more(card):
    hard = replace(card, stop=replace(card.stop, value=0.0))
    ensemble = ensemble_of(hard)
    snapshots = trained(ensemble)
    assert all(outcome == Outcome(20, None, None, None, True) for outcome in ensemble.outcomes)
    assert [s.outcome.steps for s in snapshots if s.replica == 0] == [0, 10, 20]


def test_a_budget_that_is_no_multiple_of_the_interval_is_tested_at_its_end():
    ensemble = ensemble_of(small_card(max_steps=17, eval_every=10, lr=1e-6))
    assert sorted({s.outcome.steps for s in trained(ensemble)}) == [0, 10, 17]


def test_divergence_is_recorded_at_its_step_and_the_other_replica_goes_on(card):
    ensemble, untouched = ensemble_of(card), ensemble_of(card)
    run = ensemble.run()
    for _ in range(4):  # evaluations at steps 0 to 3, that is after three updates
        next(run)
    ensemble.model.theta[1] = float("inf")
    list(run)
    trained(untouched)
    assert ensemble.outcomes[1].diverged_at == 3
    assert ensemble.outcomes[1].finished
    assert ensemble.outcomes[0] == untouched.outcomes[0]
    assert torch.equal(ensemble.model.theta[0], untouched.model.theta[0])


def test_evaluation_sequences_are_fresh_each_time(card):
    ensemble = ensemble_of(card)
    first = ensemble._test_scores([0])
    assert ensemble._test_scores([0]) != first


def test_a_test_over_many_lengths_is_as_hard_as_the_baseline_says():
    """What guessing costs, averaged over the lengths of a test, is the baseline in closed form."""
    problem = PROBLEMS["copy"]("variable", 100)
    lengths = [spread_length(problem.lengths, k, 10) for k in range(10)]
    assert lengths == sorted(set(lengths))
    guessing = sum(10 * log(8) / length for length in lengths) / 10
    assert guessing == pytest.approx(problem.baselines["memoryless"], rel=0.03)
    assert [spread_length(range(7, 8), k, 10) for k in range(10)] == [7] * 10


def test_an_lstm_solves_a_short_adding_problem_and_says_when():
    """The whole loop learns: ten steps, a few hundred updates, far below the one-marker baseline of 1/12."""
    card = small_card(lag=10, lr=1e-2, batch=32, max_steps=1500, eval_every=100)
    card = replace(card, cells=(replace(card.cells[0], hidden=16),), stop=replace(card.stop, on=500, hold=100))
    ensemble = ensemble_of(card, [0])
    last = trained(ensemble)[-1]
    assert last.outcome.solved_at is not None
    assert last.outcome.steps == last.outcome.solved_at + 100
    assert last.scores["loss"] < 1 / 24
