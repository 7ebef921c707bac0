"""A trial: counts to the very sequence, does not depend on where it is cut, and learns what the paper says."""

import io
from itertools import count

import numpy as np
import pytest

from rnngrad.hs97 import cards
from rnngrad.hs97.machine import Machine
from rnngrad.hs97.trial import Trial, stream

EASY = {
    "1": ("3x2-lr0.5", {"cap": 350, "train_strings": 20, "test_strings": 20}),
    "2a": ("lstm-p100", {"p": 5, "cap": 400, "plateau_window": 20, "tolerance": 0.7, "look": "last"}),
    "2a-rtrl": ("rtrl-p4-lr1", {"cap": 300, "every": 100, "tolerance": 0.9, "look": "last"}),
    "2b": ("lstm-p100", {"p": 5, "cap": 250, "judged": "training", "successive": 40, "tolerance": 0.8}),
    "2c": ("q50-p50", {"q": 10, "p": 5, "cap": 1200, "every": 100, "successive": 200, "tolerance": 0.6}),
    "3a": ("T100-N1", {"length": 20, "cap": 700, "tolerance": 0.7, "mean_error": 0.51, "final": 300}),
    "4": ("T100", {"length": 30, "cap": 2000, "tolerance": 0.4, "window": 50, "mean_error": 0.16, "error_window": 30}),
    "5": ("T100", {"length": 30, "cap": 3000, "tolerance": 0.3, "window": 200, "fewer_than": [80, 25], "final": 100}),
    "6a": ("T100", {"cap": 500, "tolerance": 0.95, "window": 100, "mean_error": 0.4, "error_window": 60}),
}
"""Settings of the shipped cards made so easy, or so short, that a trial is over at once."""


def setup(name, **more):
    setting, options = EASY[name]
    return cards.load(name.split("-")[0]).resolve(setting, options=options | more)


def cut(trial):
    """The same trial after its state has been to a file and back."""
    file = io.BytesIO()
    np.savez(file, **trial.state())
    file.seek(0)
    return Trial.resume(trial.setup, trial.seed, dict(np.load(file, allow_pickle=False)))


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype, name
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("name", EASY)
def test_a_trial_does_not_depend_on_where_it_is_cut(name):
    whole = Trial(setup(name), 3)
    assert whole.advance(1e9).status != "running"
    pieces = Trial(setup(name), 3)
    for blocks in count(1):
        if pieces.advance(0.0).status != "running":
            break
        pieces = cut(pieces)
        assert pieces.blocks == blocks
    assert_same(whole.state(), pieces.state())
    end = cut(pieces)
    assert_same(end.state(), pieces.state())
    assert end.advance(1.0) == end.progress()
    assert end.progress().sequences == whole.sequences


@pytest.mark.parametrize("name", ["2c", "3a", "4", "5", "6a"])
def test_the_easy_trials_meet_their_criterion_so_that_the_above_is_about_that_too(name):
    progress = Trial(setup(name), 3).advance(1e9)
    assert progress.status == "solved"
    assert list(progress.reached) == list(setup(name).criterion.milestones)
    assert sorted(progress.reached.values()) == list(progress.reached.values())


def sequences_of(trial, setup):
    """The trial's training sequences one by one, and a machine that starts like its own."""
    machine = Machine(trial.whole, trial.initial, setup.machine)
    block_size = int(20_000 / trial.problem.mean_steps)
    blocks = (trial.problem.draw(block_size, stream(trial.seed, "train", k)) for k in count(1))
    return machine, (block.part(n, n + 1) for block in blocks for n in range(len(block)))


def test_experiment_4_stops_at_the_sequence_at_which_both_conditions_hold_first():
    """Counted again by a plain loop over sequences, one at a time."""
    easy = setup("4")
    trial = Trial(easy, 5)
    trial.advance(1e9)
    machine, sequences = sequences_of(trial, easy)
    errors = []
    for sequence in sequences:
        errors.append(abs(machine.train(sequence, 0.5, outputs=True).outputs[0, 0] - sequence.targets[0, 0]))
        if len(errors) >= 50 and max(errors[-50:]) < 0.4 and np.mean(errors[-30:]) < 0.16:
            break
    assert trial.reached == [len(errors)]
    np.testing.assert_array_equal(trial.machine.weights, machine.weights)


def test_experiment_5_is_tested_with_the_weights_of_both_its_stops():
    easy = setup("5")
    trial = Trial(easy, 3)
    progress = trial.advance(1e9)
    machine, sequences = sequences_of(trial, easy)
    wrong, reached, tests = [], [], []
    for sequence in sequences:
        wrong.append(not machine.train(sequence, 0.1).last[0] < 0.3)
        if len(wrong) >= 200 and sum(wrong[-200:]) < (80, 25)[len(reached)]:
            reached.append(len(wrong))
            block = trial.problem.draw_test(100, stream(3, "final", len(reached)))
            scores = machine.test(block, outputs=True)
            errors = np.abs(scores.outputs - block.targets)
            tests.append((int((errors >= 0.3).sum()), float((errors**2).mean()), float(errors.mean())))
        if len(reached) == 2:
            break
    assert list(progress.reached.values()) == reached
    assert reached[0] < reached[1]
    for test, (count_wrong, mse, mae) in zip(progress.tests.values(), tests, strict=True):
        assert test.wrong == count_wrong
        assert (test.mean_squared, test.mean_absolute) == pytest.approx((mse, mae), rel=1e-12)


def test_counting_from_the_start_of_a_row_leaves_the_row_out():
    start, end = (Trial(setup("2b", counted=counted, cap=5000, tolerance=0.99), 1) for counted in ("start", "end"))
    assert start.advance(1e9).reached["solved"] == end.advance(1e9).reached["solved"] - 40


def test_a_trial_that_reaches_the_cap_is_unsolved_and_has_seen_just_so_many():
    trial = Trial(setup("4", cap=333, tolerance=1e-9), 0)
    progress = trial.advance(1e9)
    assert (progress.status, progress.sequences, progress.reached, progress.tests) == ("unsolved", 333, {}, {})
    assert progress.error == pytest.approx(trial.errors.kept.mean())


def test_a_trial_that_runs_away_has_diverged():
    setup = cards.load("4").resolve("T100", "linear_outputs", {"lr": 1e6})
    progress = Trial(setup, 0).advance(1e9)
    assert progress.status == "diverged"
    assert not progress.reached


def test_trials_differ_by_seed_and_ten_successive_ones_share_the_reber_sets():
    trials = [Trial(setup("1"), seed) for seed in (20, 29, 30)]
    assert trials[0].problem.train == trials[1].problem.train
    assert trials[0].problem.train != trials[2].problem.train
    assert not np.array_equal(trials[0].initial, trials[1].initial)
    first, second = (trial.problem.draw(50, stream(trial.seed, "train", 1)) for trial in trials[:2])
    assert not np.array_equal(first.symbols[:300], second.symbols[:300])


def test_the_cell_of_2a_joins_when_the_error_has_stopped_decreasing():
    trial = Trial(setup("2a", cap=2000, tolerance=1e-9), 2)
    bare, initial = trial.machine, trial.machine.weights
    assert bare.net.blocks == 0
    errors = []
    while trial.cell_added < 0:
        errors.append(float(trial.errors.kept[-20:].mean()) if len(trial.errors.kept) else None)
        before = bare.weights
        trial.advance(0.0)
    kept = trial.errors.kept
    assert kept[-20:].mean() >= 0.99 * kept[-40:-20].mean()
    assert errors[1] > 2 * errors[-1]
    assert trial.progress().cell_added == trial.sequences
    assert trial.machine.net.count == trial.whole.count
    assert not np.array_equal(before, initial)
    assert {*initial} <= {*trial.initial}
    assert {*bare.weights} <= {*trial.machine.weights}
    joined = {*trial.machine.weights} - {*bare.weights}
    assert joined <= {*trial.initial}
    assert len(joined) == trial.whole.count - bare.net.count


def test_without_a_plateau_the_cell_is_there_from_the_start():
    trial = Trial(setup("2a", cell_added="start"), 2)
    assert trial.machine.net.count == trial.whole.count
    assert trial.advance(1e9).cell_added is None


def test_temporal_order_is_learnt_from_the_card_as_it_stands():
    progress = Trial(cards.load("6a").resolve("T100"), 0).advance(120)
    assert progress.status == "solved"
    assert 2000 < progress.reached["solved"] < 320_000
    assert progress.tests["solved"].wrong < 26
    assert progress.error < 0.1
    assert progress.ns_per_step > 0
