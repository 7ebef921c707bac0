"""The embedded Reber grammar: strings against the published edges, equal chances, baselines and scores."""

from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import codes_of, draw, make, surprise
from scipy.stats import chisquare

from rnngrad.problems.reber import Reber

quick = settings(max_examples=15, deadline=None, database=None, derandomize=True)
SYMBOLS = "BTSXVPE"
EDGES = {
    (0, "B"): 1,
    (1, "T"): 2,
    (1, "P"): 3,
    (2, "S"): 2,
    (2, "X"): 4,
    (3, "T"): 3,
    (3, "V"): 5,
    (4, "X"): 3,
    (4, "S"): 6,
    (5, "P"): 4,
    (5, "V"): 6,
    (6, "E"): 7,
}
"""The published automaton."""


def strings(problem, batch=200, seed=0, length=None):
    """Sampled strings without the E that is left out."""
    x, target = draw(problem, batch, seed, length)
    codes = np.vstack([codes_of(x), target[-1:].numpy()])
    np.testing.assert_array_equal(codes[1:], target.numpy())
    return ["".join(SYMBOLS[code] for code in column) for column in codes.T]


def states(inner):
    """The automaton's states along a Reber string; KeyError if it is none."""
    path = [0]
    for symbol in inner:
        path.append(EDGES[path[-1], symbol])
    return path


def enumerated(size):
    """All Reber strings of a size, by following every edge."""
    paths = [("", 0)]
    for _ in range(size):
        paths = [(text + s, to) for text, at in paths for (origin, s), to in EDGES.items() if origin == at]
    return [text for text, at in paths if at == 7]


def legal_after(prefix):
    """What the embedded grammar allows next, told by the text alone."""
    if len(prefix) == 1:
        return set("TP")
    try:
        state = states(prefix[2:])[-1]
    except KeyError:
        return set("E")
    return {s for origin, s in EDGES if origin == state} or {prefix[1]}


@quick
@given(extra=st.integers(0, 70), seed=st.integers(0, 2**63 - 1))
def test_a_reber_string_follows_the_published_edges(extra, seed):
    problem = make(Reber, "variable", extra)
    for length in {problem.lengths[0], problem.lengths[-1]}:
        for text in strings(problem, 20, seed, length):
            assert len(text) == length + 1  # E is left out of a string, and another symbol of the input
            assert text[0] == "B"
            assert text[1] in "TP"
            assert text[-1] == text[1]
            assert states(text[2:-1])[-1] == 7


@pytest.mark.parametrize("size", [9, 10, 13, 15])
def test_rebers_strings_of_one_length_are_equally_likely(size):
    every = [f"B{s}{inner}{s}" for s in "TP" for inner in enumerated(size - 4)]
    found = strings(Reber("variable", 20), 20_000, size, size - 2)
    assert set(found) <= set(every)
    assert chisquare([found.count(text) for text in every]).pvalue > 1e-3


def test_rebers_branches_are_fair_coins_given_the_length():
    """Fair coins make all strings of a length equally likely, since all have as many branches: size - 2 inner ones."""
    for size in range(5, 14):
        for inner in enumerated(size):
            branches = [state for state in states(inner) if sum(origin == state for origin, _ in EDGES) == 2]
            assert len(branches) == size - 2


def test_rebers_shortest_string_has_nine_symbols():
    assert not enumerated(4)
    assert Reber.protocols["variable"] == 9 == 4 + len(enumerated(5)[0])


def test_rebers_minimal_lag_is_from_the_second_symbol_to_the_last_step():
    problem = Reber("variable", 30)
    x, target = draw(problem)
    assert x.shape[0] == problem.lengths[0] == 7
    np.testing.assert_array_equal(codes_of(x)[1], target[-1])
    assert problem.minimal_lags == (7 - 1 - 1,)


def logits_for(texts, knows):
    """Outputs (K, B, 7) of a net that gives equal chances to ``knows(prefix)`` at every step."""
    chosen = [[[80.0 * (s in knows(text[:k])) for s in SYMBOLS] for text in texts] for k in range(1, len(texts[0]))]
    return torch.tensor(chosen, dtype=torch.float64)


def forgetful(prefix):
    """The grammar with the second symbol forgotten."""
    legal = legal_after(prefix)
    return set("TP") if len(prefix) > 2 and legal == {prefix[1]} and prefix[-1] == "E" else legal


def test_rebers_coins_are_what_a_forgetful_net_gets():
    problem = Reber("variable", 16)
    losses = []
    for length in problem.lengths:
        texts = strings(problem, 10, length, length)
        _, target = draw(problem, 10, length, length)
        losses.append(surprise(problem, logits_for(texts, forgetful), target))
    assert problem.baselines["coins"] == pytest.approx(np.mean(losses), rel=1e-9)


def test_rebers_lower_baseline_is_the_entropy_of_all_strings():
    """(ln of the number of strings + ln 2) per step: no distribution over them is less surprising on average."""
    expected = [(log(2 * len(enumerated(size - 4))) + log(2)) / (size - 2) for size in range(9, 17)]
    assert Reber("variable", 16).baselines["coins, length known"] == pytest.approx(np.mean(expected), rel=1e-12)


def test_rebers_counts_do_not_overflow_and_grow_as_the_automaton_does():
    baselines = Reber("variable", 3000).baselines
    adjacency = np.zeros((8, 8))
    for (origin, _), to in EDGES.items():
        adjacency[origin, to] += 1
    growth = abs(np.linalg.eigvals(adjacency)).max()
    assert exp(baselines["coins, length known"]) == pytest.approx(growth, rel=0.01)
    assert baselines["coins"] == pytest.approx(log(2), rel=0.01)


def test_rebers_scores_ask_for_every_legal_symbol_on_top():
    problem = Reber("variable", 20)
    texts = strings(problem, 60, 1, 18)
    _, target = draw(problem, 60, 1, 18)
    perfect, unsure = logits_for(texts, legal_after), logits_for(texts, forgetful)
    assert scores_of(problem, perfect, target) == {"exact": 1, "crucial": 1}
    assert scores_of(problem, unsure, target) == {"exact": 0, "crucial": 0}  # two on top where one is legal
    spoilt = perfect.clone()
    spoilt[5, 0] = torch.where(spoilt[5, 0] > 0, 0.0, 80.0)
    spoilt[-1, 1] = torch.nan
    assert scores_of(problem, spoilt, target) == pytest.approx({"exact": 58 / 60, "crucial": 59 / 60})


def test_rebers_exact_needs_both_branches_and_not_what_came():
    problem = Reber("variable", 20)
    texts = strings(problem, 60, 2, 18)
    _, target = draw(problem, 60, 2, 18)
    seer = 80.0 * torch.nn.functional.one_hot(target, 7).double()
    assert scores_of(problem, seer, target) == {"exact": 0, "crucial": 1}
    assert all(len(legal_after(text[:3])) == 2 or text[2] == "B" for text in texts)


def scores_of(problem, outputs, target):
    return {name: value.item() for name, value in problem.scores(outputs[None], target[None]).items()}
