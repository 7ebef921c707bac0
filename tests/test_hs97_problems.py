"""The problems of Hochreiter & Schmidhuber 1997 against the words of the paper."""

import re
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from rnngrad.errors import UsageError
from rnngrad.hs97.cards import load
from rnngrad.hs97.problems import PROBLEMS97
from rnngrad.hs97.problems.distractors import Distractors
from rnngrad.hs97.problems.marked_pairs import Adding97, Multiplication97
from rnngrad.hs97.problems.noise_free import LongLag
from rnngrad.hs97.problems.reber import SYMBOLS, EmbeddedReber, legal_next, legal_steps, reber_strings
from rnngrad.hs97.problems.temporal_order import TemporalOrder
from rnngrad.hs97.problems.two_sequence import TwoSequence
from rnngrad.study import trial_job

quick = settings(max_examples=15, deadline=None, database=None, derandomize=True)
seeds = st.integers(0, 2**63 - 1)
MANY = 20_000
EACH = {
    "1": EmbeddedReber(),
    "2a": LongLag(p=10),
    "2b": LongLag(p=10, between="random"),
    "2c": Distractors(q=20, p=7),
    "3a": TwoSequence(length=50, informative=3),
    "3b": TwoSequence(length=50, informative=1, signal_noise=0.2),
    "3c": TwoSequence(length=50, informative=3, target_noise=0.1, class_targets=(0.2, 0.8)),
    "4": Adding97(length=40),
    "5": Multiplication97(length=40),
    "6a": TemporalOrder(relevant=2),
    "6b": TemporalOrder(relevant=3),
}
every_problem = pytest.mark.parametrize("problem", EACH.values(), ids=EACH)


def rng(seed=0):
    return np.random.default_rng(seed)


def rows(block):
    """The symbols of each sequence, as lists."""
    return [list(block.symbols[a:b]) for a, b in zip(block.starts, block.starts[1:], strict=False)]


def lengths(block):
    return np.diff(block.starts)


def assert_mean(samples, expected):
    """Independent samples agree with the expected mean within 4.5 of their standard errors."""
    samples = np.asarray(samples, dtype=np.float64).ravel()
    assert abs(samples.mean() - expected) < 4.5 * samples.std() / sqrt(len(samples))


def assert_uniform(values, low, high):
    """All whole numbers of [low, high] occur, equally often, and no other."""
    values = np.asarray(values)
    assert (values.min(), values.max()) == (low, high)
    assert chisquare(np.bincount(values - low)).pvalue > 1e-4


@every_problem
def test_a_block_is_sequences_end_to_end_and_the_same_again_from_the_same_seed(problem):
    problem = problem.prepare(rng(5))
    block, again = problem.draw(64, rng(1)), problem.draw(64, rng(1))
    assert len(block) == 64
    assert (block.starts[0], block.steps) == (0, len(block.scored))
    assert block.targets.shape == (block.scored.sum(), problem.outputs)
    assert block.scored[block.starts[1:] - 1].all()
    assert (block.symbols is None) != (block.values is None)
    if block.symbols is not None:
        assert block.symbols.dtype == np.int32
        assert block.symbols.min() >= 0
        assert block.symbols.max() < problem.inputs
    else:
        assert block.values.shape == (block.steps, problem.inputs)
    assert block.inputs == problem.inputs
    for name in ("starts", "scored", "targets", "symbols", "values", "classes"):
        np.testing.assert_array_equal(getattr(block, name), getattr(again, name))


@every_problem
def test_a_part_of_a_block_is_those_sequences_and_their_targets(problem):
    block = problem.prepare(rng(5)).draw(20, rng(1))
    whole = [block.part(n, n + 1) for n in range(20)]
    part = block.part(3, 11)
    assert len(part) == 8
    for name in ("scored", "targets", "symbols", "values", "classes"):
        if getattr(block, name) is not None:
            joined = np.concatenate([getattr(one, name) for one in whole])
            np.testing.assert_array_equal(joined, getattr(block, name))
            np.testing.assert_array_equal(
                getattr(part, name), np.concatenate([getattr(one, name) for one in whole[3:11]])
            )


@every_problem
def test_the_mean_length_is_as_stated(problem):
    sampled = lengths(problem.draw(MANY, rng(2)))
    if sampled.std() == 0:
        assert sampled[0] == problem.mean_steps
    else:
        assert_mean(sampled, problem.mean_steps)


# Experiment 1

REBER = re.compile(r"B(?:(?:TS*X|PT*VP)(?:XT*VP)*(?:S|XT*VV)|PT*VV)E")
"""The grammar once more, as a regular expression."""


def test_reber_strings_are_those_of_the_grammar_with_the_outer_symbol_repeated():
    strings = reber_strings(MANY, rng())
    assert all(s[0] == "B" and s[-1] == "E" and s[1] == s[-2] and s[1] in "TP" for s in strings)
    assert all(REBER.fullmatch(s[2:-2]) for s in strings)
    assert_mean([s[1] == "T" for s in strings], 0.5)
    assert min(map(len, strings)) == 9  # "time lags of as few as 9 steps"
    assert max(map(len, strings)) > 30  # no cap on the length
    assert_mean([len(s) for s in strings], 4 + 8)


def test_each_branch_of_the_reber_grammar_is_taken_half_of_the_time():
    strings = reber_strings(MANY, rng(1))
    short = {f"B{o}{inner}{o}E": 1 / 16 for o in "TP" for inner in ("BTXSE", "BPVVE")}
    short["BTBTSXSETE"] = short["BPBPVPSEPE"] = 1 / 32
    for string, chance in short.items():
        assert_mean([s == string for s in strings], chance)


def test_the_legal_symbols_of_a_string():
    assert legal_next("BTBTXSETE") == ["TP", "B", "TP", "SX", "XS", "E", "T", "E"]
    assert legal_next("BPBPTVPXVVEPE") == ["TP", "B", "TP", "TV", "TV", "PV", "XS", "TV", "PV", "E", "P", "E"]


def test_every_symbol_of_a_string_is_legal_and_every_legal_symbol_occurs():
    strings = reber_strings(2000, rng(2))
    seen = {}
    for string in strings:
        for k, legal in enumerate(legal_next(string)):
            assert string[k + 1] in legal
            if string[1] == "T":
                seen.setdefault(legal, set()).add(string[k + 1])
    assert all(seen[legal] == set(legal) for legal in seen)
    assert sorted(seen) == sorted(["TP", "B", "SX", "TV", "XS", "PV", "E", "T"])


def test_reber_sets_are_256_strings_each_and_disjoint():
    sets = EmbeddedReber().prepare(rng())
    assert (len(sets.train), len(sets.test)) == (256, 256)
    assert not set(sets.train) & set(sets.test)
    assert len(set(sets.train)) < 256
    distinct = EmbeddedReber(repeats="none").prepare(rng())
    assert len(set(distinct.train) | set(distinct.test)) == 512


def test_reber_training_picks_from_the_training_set_alone_and_predicts_each_next_symbol():
    sets = EmbeddedReber(train_strings=5, test_strings=5).prepare(rng())
    block = sets.draw(500, rng(1))
    targets = block.targets.argmax(axis=1)
    assert (block.targets.sum(axis=1) == 1).all()
    drawn = [
        "".join(SYMBOLS[k] for k in [*row, targets[last - 1]])
        for row, last in zip(rows(block), block.starts[1:], strict=True)
    ]
    assert set(drawn) == set(sets.train)
    assert block.scored.all()
    inside = np.setdiff1d(np.arange(block.steps), block.starts[1:] - 1)
    np.testing.assert_array_equal(targets[inside], block.symbols[inside + 1])
    assert legal_steps(drawn)[np.arange(block.steps), targets].all()


# Experiment 2


@quick
@given(p=st.integers(2, 120), seed=seeds)
def test_2a_has_two_sequences_and_predicts_every_next_element(p, seed):
    block = LongLag(p=p).draw(40, rng(seed))
    x, y = p - 1, p
    for row, target, klass in zip(rows(block), block.targets.reshape(40, p, p + 1), block.classes, strict=True):
        first = y if klass else x
        assert row == [first, *range(p - 1)]
        assert list(target.argmax(axis=1)) == [*range(p - 1), first]
    assert (block.targets.sum(axis=1) == 1).all()
    assert block.scored.all()


def test_2b_has_random_elements_between_and_each_class_half_of_the_time():
    block = LongLag(p=10, between="random").draw(MANY, rng())
    symbols, targets = block.symbols.reshape(MANY, 10), block.targets.argmax(axis=1).reshape(MANY, 10)
    np.testing.assert_array_equal(targets[:, -1], symbols[:, 0])
    np.testing.assert_array_equal(targets[:, :-1], symbols[:, 1:])
    assert_uniform(symbols[:, 1:].ravel(), 0, 8)
    assert_uniform(symbols[:, 0], 9, 10)


@pytest.mark.parametrize("between", ["ordered", "random"])
def test_2a_and_2b_with_errors_at_the_end_alone_are_the_same_sequences(between):
    every, end = (LongLag(p=10, between=between, errors=errors).draw(50, rng()) for errors in ("every", "end"))
    np.testing.assert_array_equal(end.symbols, every.symbols)
    np.testing.assert_array_equal(np.flatnonzero(end.scored), end.starts[1:] - 1)
    np.testing.assert_array_equal(end.targets, every.targets[end.scored])


@quick
@given(q=st.integers(1, 60), p=st.integers(1, 30), seed=seeds)
def test_2c_is_b_then_x_or_y_then_distractors_then_e(q, p, seed):
    block = Distractors(q=q, p=p).draw(50, rng(seed))
    e, b, x, y = p, p + 1, p + 2, p + 3
    for row, target, klass in zip(rows(block), block.targets, block.classes, strict=True):
        assert row[0] == b
        assert row[1] == (y if klass else x)
        assert row[-1] == e
        assert all(0 <= symbol < p for symbol in row[2:-1])
        assert len(row) - 1 - 1 >= q + 1  # "for at least q+1 time steps (until it sees the trigger symbol e)"
        assert list(target) == [1 - klass, klass]
    assert (np.flatnonzero(block.scored) == block.starts[1:] - 1).all()


@pytest.mark.parametrize(
    ("suffix", "least", "mean"), [("may_be_empty", "q + 4", "q + 13"), ("not_empty", "q + 5", "q + 14")]
)
def test_2c_lengths_under_both_readings_of_the_paper(suffix, least, mean):
    """The paper prints q + 4 and q + 14; its own sum for the latter gives q + 13. Lengths count the final x or y."""
    q, p = 50, 5
    block = Distractors(q=q, p=p, suffix=suffix).draw(MANY, rng())
    total = lengths(block) + 1
    assert total.min() == eval(least, {"q": q})
    assert_mean(total, eval(mean, {"q": q}))
    extra = total - total.min()
    counts = np.bincount(extra, minlength=6)[:6]
    expected = MANY * 0.1 * 0.9 ** np.arange(6)
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()
    occurrences = np.bincount(block.symbols[block.symbols < p]) / MANY
    np.testing.assert_allclose(occurrences, (eval(mean, {"q": q}) - 4) / p, rtol=0.02)
    assert_mean(block.classes, 0.5)


# Experiment 3


@quick
@given(length=st.integers(3, 200), n=st.integers(1, 3), seed=seeds)
def test_3a_first_elements_tell_the_class(length, n, seed):
    block = TwoSequence(length=length, informative=n).draw(40, rng(seed))
    assert (length <= lengths(block)).all()
    assert (lengths(block) <= length + length / 10).all()
    for start, klass, target in zip(block.starts, block.classes, block.targets[:, 0], strict=False):
        assert (block.values[start : start + n, 0] == (1.0 if klass == 1 else -1.0)).all()
        assert target == (1.0 if klass == 1 else 0.0)
    assert (np.flatnonzero(block.scored) == block.starts[1:] - 1).all()


@pytest.mark.parametrize("signal_noise", [0.0, 0.2])
def test_3a_and_3b_have_noise_of_variance_a_fifth(signal_noise):
    block = TwoSequence(length=20, informative=3, signal_noise=signal_noise).draw(MANY, rng())
    assert_uniform(lengths(block), 20, 22)
    assert_mean(block.classes == 1, 0.5)
    offset = np.arange(block.steps) - np.repeat(block.starts[:-1], lengths(block))
    noise = block.values[offset >= 3, 0]
    assert_mean(noise, 0)
    assert_mean(noise**2, 0.2)
    assert_mean(noise**4, 3 * 0.2**2)
    sign = np.repeat(np.where(block.classes == 1, 1.0, -1.0), 3)
    told = block.values[offset < 3, 0] - sign
    if signal_noise:
        assert_mean(told, 0)
        assert_mean(told**2, 0.2)
    else:
        assert (told == 0).all()


def test_3c_has_noisy_targets_in_training_and_clean_ones_in_tests():
    problem = EACH["3c"]
    block, test = problem.draw(MANY, rng()), problem.draw_test(MANY, rng())
    clean = np.where(block.classes == 1, 0.2, 0.8)
    noise = block.targets[:, 0] - clean
    assert_mean(noise, 0)
    assert_mean(noise**2, 0.1)
    np.testing.assert_array_equal(test.targets[:, 0], np.where(test.classes == 1, 0.2, 0.8))


def test_impossible_two_sequence_problems_are_clear_errors():
    with pytest.raises(UsageError, match="'informative' 5: expected at most 'length', 3"):
        TwoSequence(length=3, informative=5)
    with pytest.raises(UsageError, match="two numbers"):
        TwoSequence(length=3, informative=1, class_targets=(1.0,))


# Experiments 4 and 5


def pairs(block):
    """(value, marker) of each sequence, each (its length, 2)."""
    return np.split(block.values, block.starts[1:-1])


@quick
@given(length=st.integers(22, 300), seed=seeds, kind=st.sampled_from([Adding97, Multiplication97]))
def test_two_pairs_are_marked_where_the_paper_marks_them(length, seed, kind):
    block = kind(length=length).draw(60, rng(seed))
    assert (length <= lengths(block)).all()
    assert (lengths(block) <= length + length / 10).all()
    for sequence, target in zip(pairs(block), block.targets[:, 0], strict=True):
        values, markers = sequence.T
        marked = np.flatnonzero(markers == 1)
        assert len(marked) == 2
        assert markers[-1] == -1
        assert markers[0] in (1, -1)
        assert set(markers[1:-1]) <= {0, 1}
        assert marked[0] < 10
        assert len(sequence) - 1 - marked[1] >= length - 1 - (length // 2 - 1)  # the minimal lag, T/2
        x1, x2 = values[marked]
        assert target == pytest.approx(0.5 + (x1 + x2) / 4 if kind is Adding97 else x1 * x2, abs=1e-12)
        assert (-1 if kind is Adding97 else 0) <= values.min() <= values.max() <= 1


def test_marked_positions_are_drawn_as_the_paper_draws_them():
    """One of ten, then one of the first T/2 - 1 still unmarked: every ordered pair is equally likely."""
    length = 30
    block = Adding97(length=length).draw(MANY, rng())
    assert_uniform(lengths(block), 30, 33)
    marked = np.array([np.flatnonzero(markers == 1) for markers in (s[:, 1] for s in pairs(block))])
    expected = np.zeros((15, 15))
    for first in range(10):
        for second in [k for k in range(length) if k != first][: length // 2 - 1]:
            expected[min(first, second), max(first, second)] += 1 / (10 * (length // 2 - 1))
    counts = np.zeros((15, 15))
    np.add.at(counts, tuple(marked.T), 1)
    assert (counts[expected == 0] == 0).all()
    assert chisquare(counts[expected > 0], MANY * expected[expected > 0]).pvalue > 1e-4
    free = np.concatenate([s[1:-1][s[1:-1, 1] == 0, 0] for s in pairs(block)])
    assert_mean(free, 0)
    assert_mean(free**2, 1 / 3)


@pytest.mark.parametrize(("kind", "neutral"), [(Adding97, 0.0), (Multiplication97, 1.0)])
@pytest.mark.parametrize("draws", ["first", "either"])
@pytest.mark.parametrize("value", ["shown", "target", "kept"])
@pytest.mark.parametrize("marker", ["one", "minus_one"])
def test_a_marked_first_pair_under_every_reading(kind, neutral, draws, value, marker):
    """Drawn twice from one seed, once under each reading and once as the pair would have been without the rule."""
    chosen = kind(length=24, first_marker=marker, first_value=value, first_draw=draws).draw(4000, rng())
    plain = kind(length=24, first_value="kept").draw(4000, rng())
    first_seen = kind(length=24, first_value="shown").draw(4000, rng())
    marked = np.array([s[0, 1] == 1 for s in pairs(plain)])
    by_x1 = np.array([s[0, 1] == 1 and s[0, 0] == neutral for s in pairs(first_seen)])
    assert_mean(by_x1, 0.1)
    assert_mean(marked, 0.1 + 0.9 / 11)
    ruled = by_x1 if draws == "first" else marked
    for seen, as_drawn, rule, target in zip(pairs(chosen), pairs(plain), ruled, chosen.targets[:, 0], strict=True):
        drawn = as_drawn[as_drawn[:, 1] == 1, 0]
        counted = np.array([neutral if rule and value != "kept" else drawn[0], drawn[1]])
        assert target == pytest.approx(0.5 + counted.sum() / 4 if kind is Adding97 else counted.prod(), abs=1e-12)
        assert seen[0, 0] == (neutral if rule and value == "shown" else as_drawn[0, 0])
        assert seen[0, 1] == (-1 if rule and marker == "minus_one" else as_drawn[0, 1])
        np.testing.assert_array_equal(seen[1:], as_drawn[1:])


# Experiment 6

CLASSES = {
    2: ["XX", "XY", "YX", "YY"],
    3: ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"],
}
"""Q, R, S, U and Q, R, S, U, V, A, B, C, in the paper's order."""
POSITIONS = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}
LAGS = {2: 40, 3: 24}


@pytest.mark.parametrize("relevant", [2, 3])
def test_6_has_its_symbols_where_the_paper_puts_them(relevant):
    block = TemporalOrder(relevant=relevant).draw(MANY, rng())
    names = np.array(list("EBabcdXY"))[block.symbols]
    assert_uniform(lengths(block), 100, 110)
    assert (names[block.starts[:-1]] == "E").all()
    assert (names[block.starts[1:] - 1] == "B").all()
    where = np.flatnonzero(np.isin(names, ["X", "Y"])).reshape(MANY, relevant)
    positions = where - block.starts[:-1, None] + 1
    for k, (low, high) in enumerate(POSITIONS[relevant]):
        assert_uniform(positions[:, k], low, high)
    assert (lengths(block) - positions[:, -1]).min() == LAGS[relevant]
    order = ["".join(row) for row in names[where]]
    assert [CLASSES[relevant][k] for k in block.classes] == order
    np.testing.assert_array_equal(block.targets, np.eye(2**relevant)[block.classes])
    assert_uniform(block.classes, 0, 2**relevant - 1)
    distractors = block.symbols[np.isin(names, list("abcd"))]
    assert_uniform(distractors, 2, 5)
    assert len(distractors) == block.steps - (2 + relevant) * MANY
    assert (np.flatnonzero(block.scored) == block.starts[1:] - 1).all()


def test_the_registry_names_every_problem():
    assert {type(problem) for problem in EACH.values()} == set(PROBLEMS97.values())


MINIMAL_LAGS = {
    **{("1", "3x2-lr0.5"): 9, ("2a", "lstm-p100"): 100, ("2a", "rtrl-p10-lr1"): 10, ("2b", "lstm-p100"): 100},
    **{("2c", "q50-p50"): 50, ("2c", "q1000-p1000"): 1000, ("3a", "T1000-N3"): 1000, ("3b", "T100-N1"): 100},
    **{("3c", "T100-N3"): 100, ("4", "T500"): 250, ("5", "T100"): 50, ("6a", "T100"): 40, ("6b", "T100"): 24},
}
"""The column "minimal lag" of table 10."""


@pytest.mark.parametrize(("experiment", "setting"), MINIMAL_LAGS)
def test_a_trial_is_stored_with_the_minimal_lag_of_table_10_which_is_no_part_of_what_it_is(experiment, setting):
    card = load(experiment)
    setup = card.resolve(setting)
    job = trial_job(card, setup, 0, "command")
    assert job.runs[0]["minimal_lag"] == MINIMAL_LAGS[experiment, setting]
    assert "minimal_lag" not in setup.as_dict()["problem"]
