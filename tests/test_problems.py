"""Every problem under every protocol: what it generates, what it guarantees and what its baselines claim."""

from itertools import permutations, product
from math import log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import assert_mean, draw
from scipy.stats import chisquare

from rnngrad import cards
from rnngrad.errors import UsageError
from rnngrad.problems import PROBLEMS
from rnngrad.problems.adding import Adding
from rnngrad.problems.copying import Copy
from rnngrad.streams import drawn_length

PROTOCOLS = [(name, protocol) for name, problem in PROBLEMS.items() for protocol in problem.protocols]
every_protocol = pytest.mark.parametrize(("name", "protocol"), PROTOCOLS)
every_adding = pytest.mark.parametrize("protocol", Adding.protocols)
every_copy = pytest.mark.parametrize("protocol", Copy.protocols)
quick = settings(max_examples=15, deadline=None, database=None, derandomize=True)
extra_lags, seeds = st.integers(0, 70), st.integers(0, 2**63 - 1)

MANY = 40_000
LAG = 40

LENGTHS = {
    ("adding", "arjovsky"): lambda lag: (lag, lag),
    ("adding", "uniform"): lambda lag: (lag, lag),
    ("adding", "hs97"): lambda lag: (lag, int(lag + lag / 10)),
    ("adding", "pascanu"): lambda lag: (lag, int(lag + lag / 10)),
    ("copy", "arjovsky"): lambda lag: (lag + 20, lag + 20),
    ("copy", "variable"): lambda lag: (10 + 1 + 1 + 10, 10 + lag + 1 + 10),
    ("multiplication", "hs97"): lambda lag: (lag, int(lag + lag / 10)),
    ("multiplication", "pascanu"): lambda lag: (lag, int(lag + lag / 10)),
    ("noiseless_recall", "hs97-2a"): lambda lag: (lag, lag),
    ("noiseless_recall", "hs97-2b"): lambda lag: (lag, lag),
    ("reber", "variable"): lambda lag: (9 - 2, lag - 2),
    ("temporal_order", "hs97-6a"): lambda lag: (lag, int(lag + lag / 10)),
    ("temporal_order", "hs97-6b"): lambda lag: (lag, int(lag + lag / 10)),
    ("temporal_order", "pascanu"): lambda lag: (lag, lag),
    ("temporal_order", "pascanu-3bit"): lambda lag: (lag, lag),
    **{
        ("two_sequence", f"hs97-{task}{single}"): lambda lag: (lag, int(lag + lag / 10))
        for task in ("3a", "3b", "3c")
        for single in ("", "-single")
    },
}
"""Shortest and longest sequence, from the table of the published protocols."""

PAIRS = {
    "arjovsky": lambda lag, length: product(range(length // 2), range(length // 2, length)),
    "hs97": lambda lag, length: [
        (first, second) for first in range(10) for second in [p for p in range(length) if p != first][: lag // 2 - 1]
    ],
    "pascanu": lambda lag, length: product(range(length // 10), range(length // 10, length // 2)),
    "uniform": lambda lag, length: permutations(range(length), 2),
}
"""All ordered pairs of positions that adding may mark, equally likely."""

TARGETS = {
    "arjovsky": lambda a, b: a + b,
    "hs97": lambda a, b: 0.5 + (a + b) / 4,
    "pascanu": lambda a, b: (a + b) / 2,
    "uniform": lambda a, b: a + b,
}
MOMENTS = {"arjovsky": (1, 1 / 6), "hs97": (0.5, 19 / 480), "pascanu": (0.5, 1 / 24), "uniform": (1, 1 / 6)}
"""Mean and variance of adding's target."""


def make(name, protocol, extra=0):
    return PROBLEMS[name](protocol, PROBLEMS[name].protocols[protocol] + extra)


def marked(x):
    """Values and positions of the marked pairs in order of time, (B, 2) each, in float64."""
    values, markers = x.double().numpy().transpose(2, 1, 0)
    samples, positions = np.nonzero(markers == 1)
    assert (np.bincount(samples, minlength=len(markers)) == 2).all()
    return values[samples, positions].reshape(-1, 2), positions.reshape(-1, 2)


def mse(problem, prediction, target):
    """The problem's own loss of each sample, through its outputs (R, K, B, O) with R = 1."""
    output = torch.as_tensor(prediction, dtype=torch.float64).expand(len(target))[None, :, None]
    per_sample = problem.last_step_loss(output, target[None])[0]
    torch.testing.assert_close(problem.loss(output[:, None], target[None]), per_sample.mean()[None])
    return per_sample.numpy()


def logits_of(codes, outputs=Copy.outputs):
    """Outputs (1, T, B, O) that are sure of the given codes (T, B)."""
    return 80.0 * torch.nn.functional.one_hot(codes, outputs).double()[None]


def random_outputs(problem, replicas, batch, length, seed=0):
    shape = (replicas, problem.scored_steps(length), batch, problem.outputs)
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stacked(problem, replicas, batch):
    """Targets of several replicas, (R, B), (R, T, B) or (R, 2, B), in float64 if they are numbers."""
    targets = torch.stack([draw(problem, batch, seed)[1] for seed in range(replicas)])
    return targets.double() if targets.is_floating_point() else targets


# every problem, every protocol


@every_protocol
@quick
@given(extra=extra_lags, seed=seeds)
def test_shapes_and_types(name, protocol, extra, seed):
    problem = make(name, protocol, extra)
    for length in {problem.lengths[0], problem.lengths[-1]}:
        x, target = draw(problem, 3, seed, length)
        assert x.shape == (length, 3, problem.inputs)
        assert x.dtype == torch.float32
        assert target.shape in [(3,), (length, 3), (2, 3)]
        assert 1 <= problem.scored_steps(length) <= length


@every_protocol
@quick
@given(extra=extra_lags)
def test_lengths_are_those_of_the_published_protocol(name, protocol, extra):
    problem = make(name, protocol, extra)
    shortest, longest = LENGTHS[name, protocol](problem.lag)
    assert problem.lengths == range(shortest, longest + 1)


@every_protocol
@quick
@given(extra=extra_lags, seed=seeds)
def test_a_seed_fixes_the_batch_byte_for_byte(name, protocol, extra, seed):
    problem = make(name, protocol, extra)
    torch.manual_seed(1)
    first = draw(problem, 8, seed)
    torch.manual_seed(2)
    for a, b in zip(first, draw(problem, 8, seed), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


@every_protocol
def test_another_seed_gives_another_batch(name, protocol):
    problem = make(name, protocol)
    batches = {draw(problem, 60, seed)[0].numpy().tobytes() for seed in range(20)}
    assert len(batches) == 20


@every_protocol
def test_sampling_goes_on_in_its_stream_and_leaves_the_global_one_alone(name, protocol):
    problem, generator, before = make(name, protocol), torch.Generator().manual_seed(0), torch.get_rng_state()
    first, second = (problem.sample(problem.lengths[0], 8, generator)[0] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@every_protocol
def test_a_lag_below_the_least_is_refused_with_the_least(name, protocol):
    least = PROBLEMS[name].protocols[protocol]
    draw(PROBLEMS[name](protocol, least))
    with pytest.raises(UsageError, match=rf"lag {least - 1} is too short.*'{protocol}'.* needs at least {least}"):
        PROBLEMS[name](protocol, least - 1)


@every_protocol
def test_a_misspelt_protocol_is_refused_with_the_nearest(name, protocol):
    slip = protocol[0] + protocol[2:]
    with pytest.raises(UsageError, match=rf"unknown protocol .*'{slip}': did you mean '{protocol}'\?"):
        PROBLEMS[name](slip, 100)


@every_protocol
def test_the_first_protocol_and_baselines_are_in_their_stated_order(name, protocol):
    baselines = list(make(name, protocol).baselines.values())
    assert min(baselines) > 0
    assert baselines == sorted(baselines, reverse=True)


@every_protocol
def test_the_loss_of_a_replica_is_its_own(name, protocol):
    problem = make(name, protocol)
    outputs, target = random_outputs(problem, 3, 7, problem.lengths[0]), stacked(problem, 3, 7)
    together = problem.loss(outputs, target)
    assert together.shape == (3,)
    for r in range(3):
        torch.testing.assert_close(problem.loss(outputs[r : r + 1], target[r : r + 1])[0], together[r])
    disturbed = outputs.clone()
    disturbed[0] = torch.nan
    assert torch.equal(problem.loss(disturbed, target)[1:], together[1:])


@every_protocol
def test_permuting_the_batch_permutes_the_losses_and_keeps_their_mean(name, protocol):
    problem, order = make(name, protocol), torch.tensor([3, 0, 4, 1, 2])
    outputs, target = random_outputs(problem, 2, 5, problem.lengths[0]), stacked(problem, 2, 5)
    permuted, matching = outputs[:, :, order], target[..., order]
    last = problem.last_step_loss(outputs[:, -1], target)
    assert last.shape == (2, 5)
    assert torch.equal(problem.last_step_loss(permuted[:, -1], matching), last[:, order])
    torch.testing.assert_close(problem.loss(permuted, matching), problem.loss(outputs, target))
    assert not torch.allclose(problem.loss(permuted, target), problem.loss(outputs, target))
    for key, score in problem.scores(outputs, target).items():
        assert score.shape == (2,)
        torch.testing.assert_close(problem.scores(permuted, matching)[key], score)


@every_protocol
def test_the_last_step_loss_reads_the_last_step_alone(name, protocol):
    problem = make(name, protocol)
    outputs = random_outputs(problem, 2, 5, problem.lengths[0]).requires_grad_()
    target = stacked(problem, 2, 5)
    (total,) = torch.autograd.grad(problem.loss(outputs, target).sum(), outputs)
    (last,) = torch.autograd.grad(problem.last_step_loss(outputs[:, -1], target).sum(), outputs)
    assert not last[:, :-1].any()
    scale = outputs.shape[1] * outputs.shape[2] if outputs.shape[1] > 1 else outputs.shape[2]
    torch.testing.assert_close(last[:, -1] / scale, total[:, -1])


@pytest.mark.parametrize("card", cards.shipped())
def test_a_shipped_stop_rule_is_out_of_reach_of_every_baseline(card):
    card = cards.load(card)
    for protocol in PROBLEMS[card.problem.name].protocols:
        problem = PROBLEMS[card.problem.name](protocol, card.problem.lag)
        if card.stop.rule == "loss_below":
            assert not any(card.stop.met({"loss": baseline}) for baseline in problem.baselines.values())
        else:
            length = problem.lengths[-1]
            _, target = draw(problem, 2000, length=length)
            guess = torch.full((1, problem.scored_steps(length), 2000, problem.outputs), 0.5)
            for favourite in range(problem.outputs):
                guess[..., favourite] += torch.finfo(guess.dtype).eps  # else a largest output is no choice
                assert not card.stop.met({k: float(v) for k, v in problem.scores(guess, target[None]).items()})
                guess[..., favourite] = 0.5


# adding


@every_adding
@quick
@given(extra=extra_lags, seed=seeds)
def test_adding_marks_two_pairs_where_the_protocol_allows(protocol, extra, seed):
    problem = make("adding", protocol, extra)
    for length in {problem.lengths[0], problem.lengths[-1]}:
        allowed = {tuple(sorted(pair)) for pair in PAIRS[protocol](problem.lag, length)}
        _, positions = marked(draw(problem, 50, seed, length)[0])
        assert {tuple(pair) for pair in positions.tolist()} <= allowed


@every_adding
@pytest.mark.parametrize("extra", [18, 19])
def test_adding_draws_every_allowed_pair_equally_often(protocol, extra):
    problem = make("adding", protocol, extra)
    length = problem.lengths[-1]
    _, positions = marked(draw(problem, MANY, 1, length)[0])
    ordered = [tuple(sorted(pair)) for pair in PAIRS[protocol](problem.lag, length)]
    pairs, weights = np.unique(ordered, axis=0, return_counts=True)
    found = np.zeros((length, length))
    np.add.at(found, tuple(positions.T), 1)
    assert chisquare(found[tuple(pairs.T)], MANY * weights / weights.sum()).pvalue > 1e-3


@every_adding
@pytest.mark.parametrize("extra", [0, 1, 9, 10, 27])
def test_adding_keeps_its_minimal_lags_and_attains_them(protocol, extra):
    problem = make("adding", protocol, extra)
    least = np.full(2, np.inf)
    for length in problem.lengths:
        _, positions = marked(draw(problem, 3000, length, length)[0])
        least = np.minimum(least, (length - 1 - positions).min(axis=0))
    assert tuple(least) == problem.minimal_lags


@every_adding
@quick
@given(extra=extra_lags, seed=seeds)
def test_addings_target_follows_from_its_inputs(protocol, extra, seed):
    x, target = draw(make("adding", protocol, extra), 50, seed)
    values, _ = marked(x)
    np.testing.assert_allclose(target.numpy(), TARGETS[protocol](*values.T), rtol=0, atol=2e-7)


@pytest.mark.parametrize("protocol", [p for p in Adding.protocols if p != "hs97"])
def test_adding_marks_all_other_pairs_zero(protocol):
    markers = draw(make("adding", protocol, 20))[0][:, :, 1]
    assert set(markers.unique().tolist()) == {0.0, 1.0}


def test_hs97_marks_the_first_and_the_last_pair_minus_one():
    markers = draw(make("adding", "hs97", 3), MANY)[0][:, :, 1]
    assert (markers[-1] == -1).all()
    assert set(markers[0].tolist()) == {-1.0, 1.0}
    assert set(markers[1:-1].unique().tolist()) == {0.0, 1.0}


def test_hs97_sets_x1_to_zero_where_the_first_pair_is_x1():
    """The second mark may fall on the first pair too; X2 is not set to 0, so both cases occur where both are early."""
    x, _ = draw(make("adding", "hs97", 28), MANY, 3)
    _, positions = marked(x)
    zero, first_marked = x[0, :, 0].numpy() == 0, positions[:, 0] == 0
    surely_x1, open_case = first_marked & (positions[:, 1] >= 10), first_marked & (positions[:, 1] < 10)
    assert zero[surely_x1].all()
    assert not zero[~first_marked].any()
    assert_mean(zero, 1 / 10)
    assert_mean(zero[open_case], 1 / 2)


@every_adding
def test_addings_values_are_uniform(protocol):
    low, high = (-1, 1) if protocol == "hs97" else (0, 1)
    values = draw(make("adding", protocol, LAG), 4000, 5)[0][1:, :, 0].double().numpy()
    assert low <= values.min() < low + 1e-3
    assert high - 1e-3 < values.max() <= high
    assert_mean(values, (low + high) / 2)
    assert_mean((values - (low + high) / 2) ** 2, (high - low) ** 2 / 12)


@every_adding
def test_addings_target_has_the_moments_of_the_protocol(protocol):
    mean, variance = MOMENTS[protocol]
    target = draw(make("adding", protocol, LAG), MANY, 6)[1].double().numpy()
    assert_mean(target, mean)
    assert_mean((target - mean) ** 2, variance)


@every_adding
def test_addings_constant_baseline_is_what_the_best_constant_reaches(protocol):
    problem = make("adding", protocol, LAG)
    target = draw(problem, MANY, 7)[1].double()
    assert_mean(mse(problem, MOMENTS[protocol][0], target), problem.baselines["constant"])
    assert mse(problem, target.mean(), target).mean() == pytest.approx(problem.baselines["constant"], rel=0.02)


@every_adding
def test_addings_one_marker_baseline_is_what_the_later_number_alone_reaches(protocol):
    problem = make("adding", protocol, LAG)
    x, target = draw(problem, MANY, 8)
    mean_value = 0.0 if protocol == "hs97" else 0.5
    prediction = TARGETS[protocol](mean_value, marked(x)[0][:, 1])
    assert_mean(mse(problem, prediction, target.double()), problem.baselines["one marker"])


@every_adding
def test_addings_loss_of_the_right_answer_is_zero(protocol):
    problem = make("adding", protocol, LAG)
    target = draw(problem)[1].double()
    assert mse(problem, target, target).max() == 0


# copy


@every_copy
@quick
@given(extra=extra_lags, seed=seeds)
def test_copy_is_laid_out_as_documented(protocol, extra, seed):
    problem = make("copy", protocol, extra)
    for length in {problem.lengths[0], problem.lengths[-1]}:
        x, target = (a.numpy() for a in draw(problem, 5, seed, length))
        codes = x.argmax(axis=-1)
        np.testing.assert_array_equal(x, np.eye(10)[codes])
        letters, blanks = codes[:10], np.zeros((length - 21, 5))
        assert ((letters >= 1) & (letters <= 8)).all()
        np.testing.assert_array_equal(codes, np.vstack([letters, blanks, np.full((1, 5), 9), np.zeros((10, 5))]))
        np.testing.assert_array_equal(target, np.vstack([np.zeros((length - 10, 5)), letters]))


def test_copys_blanks_are_t_minus_one_or_from_one_to_t():
    assert {length - 21 for length in make("copy", "arjovsky", 29).lengths} == {29}
    assert {length - 21 for length in make("copy", "variable", 29).lengths} == set(range(1, 31))


@every_copy
def test_copys_letters_are_uniform_at_every_position(protocol):
    letters = draw(make("copy", protocol), MANY, 2)[1][-10:].numpy()
    for row in letters:
        assert chisquare(np.bincount(row, minlength=9)[1:]).pvalue > 1e-4


@every_copy
@pytest.mark.parametrize("extra", [0, 1, 29])
def test_copys_minimal_lag_is_kept_and_attained(protocol, extra):
    """Letter k is shown at step k and recalled at step length - 10 + k."""
    problem = make("copy", protocol, extra)
    lags = []
    for length in problem.lengths:
        x, target = draw(problem, 1, length, length)
        shown = np.flatnonzero(np.isin(x[:, 0].argmax(-1).numpy(), range(1, 9)))
        lags.append(np.flatnonzero(target[:, 0].numpy()) - shown)
    assert tuple(np.min(lags, axis=0)) == problem.minimal_lags


@every_copy
def test_copys_baseline_is_blank_until_the_signal_then_a_guess(protocol):
    problem = make("copy", protocol, LAG)
    losses = []
    for length in problem.lengths:
        _, target = draw(problem, 3, length, length)
        logits = logits_of(torch.zeros_like(target))
        logits[:, -10:] = torch.tensor([-80.0] + [0.0] * 8, dtype=torch.float64)
        losses.append(problem.loss(logits, target[None]).item())
        assert losses[-1] == pytest.approx(10 * log(8) / length, rel=1e-12)
    assert problem.baselines["memoryless"] == pytest.approx(np.mean(losses), rel=1e-12)


def test_variable_copys_baseline_is_the_mean_over_the_lengths_that_are_drawn():
    problem = make("copy", "variable", LAG)
    drawn = [10 * log(8) / drawn_length(problem.lengths, "test", step) for step in range(5000)]
    assert_mean(drawn, problem.baselines["memoryless"])


@pytest.mark.parametrize(("lag", "printed"), [(100, 0.1733), (200, 0.0945), (500, 0.0400), (1000, 0.02039)])
def test_copys_baseline_is_the_printed_one(lag, printed):
    assert Copy("arjovsky", lag).baselines["memoryless"] == pytest.approx(printed, abs=6e-5)


@every_copy
def test_copys_scores_of_a_perfect_and_of_a_blank_output(protocol):
    problem = make("copy", protocol, 5)
    _, target = draw(problem, 20)
    perfect, blank = logits_of(target), logits_of(torch.zeros_like(target))
    assert {k: v.item() for k, v in problem.scores(perfect, target[None]).items()} == {"recall": 1, "exact": 1}
    assert {k: v.item() for k, v in problem.scores(blank, target[None]).items()} == {"recall": 0, "exact": 0}
    assert problem.loss(perfect, target[None]).item() == pytest.approx(0, abs=1e-12)


@every_copy
def test_copys_scores_count_letters_and_whole_sequences(protocol):
    problem = make("copy", protocol, 5)
    _, target = draw(problem, 20)
    said = target.clone()
    said[-1, 0], said[-10:-7, 1] = said[-1, 0] % 8 + 1, 0
    scores = problem.scores(logits_of(said), target[None])
    assert scores["recall"].item() == pytest.approx(1 - 4 / 200)
    assert scores["exact"].item() == pytest.approx(1 - 2 / 20)


@every_copy
def test_copys_scores_ignore_what_is_said_before_the_recall(protocol):
    problem = make("copy", protocol, 5)
    length, (_, target) = problem.lengths[0], draw(problem, 20)
    outputs = random_outputs(problem, 1, 20, length)
    outputs[:, -10:] = logits_of(target)[:, -10:]
    assert problem.scores(outputs, target[None])["exact"].item() == 1


@every_copy
def test_copys_chance_recall_is_one_in_eight(protocol):
    problem = make("copy", protocol)
    _, target = draw(problem, 4000, 9)
    scores = problem.scores(logits_of(torch.full_like(target, 3)), target[None])
    assert scores["recall"].item() == pytest.approx(1 / 8, abs=4.5 * sqrt(7 / 64 / 40_000))
