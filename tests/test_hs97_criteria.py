"""The stop criteria of Hochreiter & Schmidhuber 1997 on errors made by hand."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngrad.errors import UsageError
from rnngrad.hs97.criteria.base import Judge, parts
from rnngrad.hs97.criteria.grammar import Grammar, predicted
from rnngrad.hs97.criteria.held_out import HeldOut
from rnngrad.hs97.criteria.recent import Recent, Window, sequence_errors
from rnngrad.hs97.criteria.successive import Successive
from rnngrad.hs97.problems.distractors import Distractors
from rnngrad.hs97.problems.noise_free import LongLag
from rnngrad.hs97.problems.reber import EmbeddedReber, legal_next, legal_steps
from rnngrad.hs97.problems.two_sequence import TwoSequence
from rnngrad.hs97.sequences import Scores, Sequences

quick = settings(max_examples=30, deadline=None, database=None, derandomize=True)
floats = st.lists(st.floats(0, 1), max_size=60)


def ends(errors):
    """A block of sequences of one step with targets 0, on which a net made these errors: a list, or one of lists."""
    outputs = np.asarray(errors, dtype=np.float64).reshape(len(errors), -1)
    block = Sequences(
        starts=np.arange(len(outputs) + 1),
        scored=np.ones(len(outputs), dtype=bool),
        targets=np.zeros_like(outputs),
        inputs=1,
        values=np.zeros((len(outputs), 1)),
    )
    worst = np.abs(outputs).max(axis=1, initial=0)
    return block, Scores((outputs**2).sum(axis=1), worst, worst, outputs)


def found(judge, errors, cuts=(), met=0):
    """After how many sequences the judge sees the next milestone met, block by block."""
    seen = 0
    for piece in np.split(np.asarray(errors, dtype=np.float64), cuts):
        block, scores = ends(piece)
        if len(block):
            first = judge.first(block, scores, met)
            if first is not None:
                return seen + first
            judge.push(block, scores)
            seen += len(block)
    return None


@quick
@given(values=floats, cut=st.integers(0, 60), length=st.integers(1, 20))
def test_a_window_sums_the_last_numbers(values, cut, length):
    window = Window(length)
    sums = []
    for piece in (values[:cut], values[cut:]):
        sums += list(window.sums(np.array(piece)))
        window.push(np.array(piece))
    expected = [sum(values[k + 1 - length : k + 1]) if k + 1 >= length else np.inf for k in range(len(values))]
    np.testing.assert_allclose(sums, expected, atol=1e-12)
    np.testing.assert_array_equal(window.kept, values[-length:])


@pytest.mark.parametrize("cuts", [(), (1500,), (10, 700, 2400, 2499), tuple(range(100, 4000, 100))])
def test_two_thousand_in_a_row_end_with_the_two_thousandth(cuts):
    errors = np.full(4000, 0.039)
    errors[499] = 0.04  # not below: wrong
    assert found(Recent(tolerance=0.04).judge(None), errors, cuts) == 500 + 2000


def test_fewer_than_two_thousand_sequences_are_never_enough():
    assert found(Recent(tolerance=0.04).judge(None), np.zeros(1999)) is None
    assert found(Recent(tolerance=0.04).judge(None), np.zeros(2000)) == 2000


def test_the_mean_error_must_be_low_too_over_its_own_window():
    errors = np.full(6000, 0.03)
    errors[3000:] = 0.0
    judge = Recent(tolerance=0.04, mean_error=0.01).judge(None)
    assert found(judge, errors) == 3000 + 1334  # 666 of the last 2000 at .03 make .00999
    assert found(Recent(tolerance=0.04, mean_error=0.01, error_window=10).judge(None), errors) == 3000 + 7
    assert found(Recent(tolerance=0.04, mean_error=0.01, error_window=4000).judge(None), errors) == 3000 + 2667


def test_multiplication_is_judged_twice():
    criterion = Recent(tolerance=0.04, fewer_than=(140, 13))
    assert criterion.milestones == ("n_seq 140", "n_seq 13")
    errors = np.zeros(6000)
    errors[:3000] = 1.0
    judge = criterion.judge(None)
    assert found(judge, errors, met=0) == 3000 + 1861  # 139 wrong are left among 2000
    assert found(judge, errors, met=1) == 3000 + 1988


def test_an_output_that_is_no_number_is_wrong():
    errors = np.zeros(2500)
    errors[300] = np.nan
    assert found(Recent(tolerance=0.04).judge(None), errors) == 2301


def test_wrongly_ordered_numbers_of_sequences_are_refused():
    for numbers in ((), (13, 140), (5, 5)):
        with pytest.raises(UsageError, match="falling numbers"):
            Recent(tolerance=0.04, fewer_than=numbers)


@quick
@given(seed=st.integers(0, 1000), cut=st.integers(0, 300))
def test_a_judge_that_takes_over_anothers_state_goes_on_as_it_would(seed, cut):
    criterion = Recent(tolerance=0.9, mean_error=0.5, window=20, error_window=30)
    errors = np.random.default_rng(seed).random(300)
    block, scores = ends(errors)
    whole = criterion.judge(None)
    expected = whole.first(block, scores, 0)
    before, after = criterion.judge(None), criterion.judge(None)
    if cut and found(before, errors[:cut]) is not None:
        return
    after.restore(before.state())
    first = after.first(*ends(errors[cut:]), 0) if cut < 300 else None
    assert first == (None if expected is None else expected - cut)


def test_the_error_of_a_sequence():
    block, scores = ends([[0.1, 0.3], [-0.5, 0.1]])
    np.testing.assert_allclose(sequence_errors("absolute", block, scores), [0.2, 0.3])
    np.testing.assert_allclose(sequence_errors("squared", block, scores), [0.1, 0.26])
    longer = Sequences(
        np.array([0, 3, 5]), np.array([1, 0, 1, 0, 1], dtype=bool), np.zeros((3, 1)), 1, values=np.zeros((5, 1))
    )
    outputs = Scores(np.zeros(2), np.zeros(2), np.zeros(2), np.array([[0.2], [-0.4], [0.7]]))
    np.testing.assert_allclose(sequence_errors("absolute", longer, outputs), [0.3, 0.7])


# Criteria that test the frozen net


class Net:
    """Stands in for a machine under test: its error on each sequence is a function of the sequence's class."""

    def __init__(self, error):
        self.error, self.tested, self.blocks = error, 0, []

    def test(self, block, outputs=False):
        error = np.broadcast_to(np.asarray(self.error(block), dtype=np.float64), (len(block),))
        self.tested += len(block)
        self.blocks.append(block)
        return Scores(error**2, error, error, np.empty((0, 1)))


def streams(k):
    return np.random.default_rng([7, k])


@pytest.mark.parametrize("problem", [LongLag(p=4), Distractors(q=3, p=4)])
def test_ten_thousand_successive_sequences_are_tested_and_one_wrong_one_is_enough_to_fail(problem):
    judge = Successive(tolerance=0.25, look="last").judge(problem)
    net = Net(lambda block: 0.2499)
    assert judge.test(net.test, streams, 0) == 1
    assert net.tested == 10_000
    net = Net(lambda block: np.where(block.classes == 0, 0.25, 0.0))
    assert judge.test(net.test, streams, 0) == 0
    assert net.tested < 50
    net = Net(lambda block: np.nan)
    assert judge.test(net.test, streams, 0) == 0


def test_successive_looks_at_every_step_or_at_the_last():
    block = LongLag(p=4).draw(1, streams(0))
    scores = Scores(np.ones(1), np.ones(1), np.zeros(1), np.empty((0, 5)))
    for look, met in (("every", 0), ("last", 1)):
        judge = Successive(tolerance=0.25, look=look).judge(LongLag(p=4))
        assert judge.test(lambda block: scores, streams, 0) == met
        judge = Successive(tolerance=0.25, look=look, judged="training", successive=1).judge(LongLag(p=4))
        assert judge.first(block, scores, 0) == (1 if met else None)


def test_every_test_of_successive_sequences_is_a_fresh_one_and_comes_again_after_a_resumption():
    judge, other = (Successive(tolerance=0.25, look="last").judge(Distractors(q=30, p=50)) for _ in range(2))
    net = Net(lambda block: 1.0)
    judge.test(net.test, streams, 0)
    state = judge.state()
    judge.test(net.test, streams, 0)
    other.restore(state)
    other.test(net.test, streams, 0)
    first, second, again = (block.symbols for block in net.blocks)
    assert list(first) != list(second)
    assert list(second) == list(again)


def test_successive_training_sequences_count_from_the_start_or_the_end_of_the_row():
    start, end = (Successive(tolerance=0.2, look="last", judged="training", counted=c) for c in ("start", "end"))
    assert (start.counted_back, end.counted_back) == (10_000, 0)
    assert Successive(tolerance=0.2, look="last").counted_back == 0
    errors = np.zeros(12_000)
    errors[700] = 0.2
    assert found(start.judge(None), errors, (3000, 9000)) == 701 + 10_000
    assert start.judge(None).every is None


@pytest.mark.parametrize(
    ("wrong", "others", "met"), [(0, 0.009, 2), (0, 0.011, 1), (1, 0.0, 0), (0, 0.199, 1), (256, 1.0, 0)]
)
def test_st1_and_st2_of_3a(wrong, others, met):
    judge = HeldOut(tolerance=0.2, fewer_than=1, mean_error=0.01).judge(TwoSequence(length=10, informative=1))
    made = iter(np.r_[np.full(256 - wrong, others), np.full(wrong, 0.2)])
    net = Net(lambda block: [next(made) for _ in range(len(block))])
    assert judge.test(net.test, streams, 0) == met


@pytest.mark.parametrize(("wrong", "others", "met"), [(5, 0.02, 2), (5, 0.036, 1), (6, 0.0, 0)])
def test_st1_and_st2_of_3b(wrong, others, met):
    judge = HeldOut(tolerance=0.2, fewer_than=6, mean_error=0.04).judge(TwoSequence(length=10, informative=1))
    made = iter(np.r_[np.full(wrong, 0.3), np.full(256 - wrong, others)])
    net = Net(lambda block: [next(made) for _ in range(len(block))])
    assert judge.test(net.test, streams, 0) == met


def test_st1_once_met_stays_met():
    judge = HeldOut(tolerance=0.2, fewer_than=1, mean_error=0.01).judge(TwoSequence(length=10, informative=1))
    assert judge.test(Net(lambda block: 1.0).test, streams, 1) == 1


def test_a_test_set_is_drawn_once_in_a_trial_or_at_each_test():
    problem = TwoSequence(length=10, informative=1, target_noise=0.1, class_targets=(0.2, 0.8))
    for redraw, same in (("never", True), ("test", False)):
        net = Net(lambda block: 0.0)
        judge, other = (
            HeldOut(tolerance=0.2, fewer_than=1, mean_error=0.01, redraw=redraw).judge(problem) for _ in range(2)
        )
        judge.test(net.test, streams, 0)
        state = judge.state()
        judge.test(net.test, streams, 0)
        other.restore(state)
        other.test(net.test, streams, 0)
        assert net.tested == 3 * 256
        values = [block.values.ravel() for block in net.blocks]
        third = len(values) // 3
        first, second, again = (np.concatenate(values[k * third : (k + 1) * third]) for k in range(3))
        assert np.array_equal(first, second) == same
        assert np.array_equal(second, again)
        assert set(np.concatenate([block.targets.ravel() for block in net.blocks])) == {0.2, 0.8}


def test_all_legal_symbols_must_be_more_active_than_all_others():
    legal = np.array([[True, True, False], [True, False, False], [True, True, False]])
    assert predicted(np.array([[0.3, 0.9, 0.2], [0.1, 0.0, 0.05], [0.9, 0.1, 0.0]]), legal).all()
    wrong = np.array([[0.3, 0.9, 0.4], [0.1, 0.1, 0.05], [0.9, np.nan, 0.0]])
    assert not predicted(wrong, legal).any()
    assert list(predicted(wrong, legal, "one")) == [True, False, False]


def test_the_grammar_is_learnt_when_all_strings_of_both_sets_are():
    sets = EmbeddedReber(train_strings=20, test_strings=20).prepare(np.random.default_rng(0))
    judge = Grammar().judge(sets)
    legal = legal_steps([*sets.train, *sets.test]).astype(np.float64)

    def answers(outputs):
        given = iter(outputs)
        return lambda block, outputs: SimpleNamespace(outputs=np.array([next(given) for _ in range(block.steps)]))

    assert judge.test(answers(legal), streams, 0) == 1
    for wrong in (0, len(legal) - 2):  # the first step of the first training string, the last T or P of the last test
        outputs = legal.copy()
        outputs[wrong] = 1 - outputs[wrong]
        assert judge.test(answers(outputs), streams, 0) == 0
    assert len(legal) == sum(len(legal_next(string)) for string in (*sets.train, *sets.test))
    assert judge.tests == 3


def test_the_grammar_fits_its_problem_alone():
    with pytest.raises(UsageError, match="embedded_reber"):
        Grammar().judge(LongLag(p=4))


@quick
@given(total=st.integers(1, 20_000), first=st.integers(1, 100))
def test_parts_cover_a_test_once(total, first):
    pieces = list(parts(total, first))
    assert [k for a, b in pieces for k in (a, b)][:: len(pieces) * 2 - 1] == [0, total]
    assert all(b == c for (_, b), (c, _) in pairwise(pieces))
    assert max(b - a for a, b in pieces) <= 256


def test_a_judge_that_looks_at_training_needs_no_tests():
    judge = Judge()
    assert judge.test(None, streams, 0) == 0
    assert judge.first(None, None, 0) is None
