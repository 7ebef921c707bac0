"""The 1997 machine: weights as many as published, gradients as autograd has them, resumption bit for bit."""

import tomllib
from dataclasses import replace
from pathlib import Path

import hs97_table10 as table10
import numpy as np
import pytest
import torch
from hs97_reference import inputs, learned, model

from rnngrad.errors import UsageError
from rnngrad.hs97.kernels.competitors import recurrent
from rnngrad.hs97.kernels.truncated import truncated
from rnngrad.hs97.kernels.unrolled import unrolled
from rnngrad.hs97.machine import Machine, Reading, RecurrentNet, Topology, carried_over, prepare
from rnngrad.hs97.sequences import Sequences

PUBLISHED = [
    (table10.reber(4, 1), 264),
    (table10.reber(3, 2), 276),
    (table10.long_lag(101), 10504),
    (table10.distractors(50), 364),
    (table10.distractors(100), 664),
    (table10.distractors(200), 1264),
    (table10.distractors(500), 3064),
    (table10.distractors(1000), 6064),
    (table10.two_sequences(), 102),
    (table10.adding(), 93),
    (table10.multiplication(), 93),
    (table10.temporal_order(2), 156),
    (table10.temporal_order(3), 308),
    (table10.long_lag_competitor(5, "rtrl"), 36),
    (table10.long_lag_competitor(11, "rtrl"), 144),
    (table10.long_lag_competitor(101, "bptt"), 10404),
]
NETS = {
    "reber 3x2": table10.reber(3, 2),
    "2a": table10.long_lag(11),
    "2a without a cell": table10.long_lag(11, blocks=0),
    "2c": table10.distractors(6),
    "3": table10.two_sequences(),
    "4": table10.adding(),
    "6b": table10.temporal_order(3),
    "12 cells, no input gates, direct": Topology(3, 9, 4, 3, input_gates=False, direct=True, cell_bias=False, init=0.3),
    "2c without recurrence": Topology(10, 2, 2, recurrent=False, output_bias=False, init=0.3),
    "no gates": Topology(2, 2, 2, 2, input_gates=False, output_gates=False, init=0.3),
}
READINGS = {
    "text": Reading(),
    "step": Reading(update="step"),
    "no derivative, caption": Reading(derivative=False, ranges="caption"),
    "linear, whole": Reading(output="linear", half=False),
    "exact": Reading(gradient="exact"),
    "exact, caption": Reading(gradient="exact", ranges="caption"),
}


def drawn(net, count, rng, one_hot, longest=14):
    """Sequences of random inputs, some of whose steps are scored, the last ones among them."""
    starts = np.concatenate([[0], np.cumsum(rng.integers(5, longest + 1, count))])
    scored = rng.random(starts[-1]) < 0.3
    scored[starts[1:] - 1] = True
    targets = rng.random((int(scored.sum()), net.outputs))
    symbols = rng.integers(0, net.inputs, starts[-1]).astype(np.int32) if one_hot else None
    values = None if one_hot else rng.normal(size=(starts[-1], net.inputs))
    return Sequences(starts, scored, targets, net.inputs, symbols, values)


def machine(net, reading=Reading(), seed=0):  # noqa: B008
    return Machine.drawn(net, np.random.default_rng(seed), reading)


def close(got, want, tolerance=1e-10):
    return np.abs(got - want).max() <= tolerance * max(1.0, np.abs(want).max())


@pytest.mark.parametrize(("net", "count"), PUBLISHED)
def test_the_nets_have_as_many_weights_as_published(net, count):
    assert net.count == count
    assert sum(len(unit.sees) for unit in net.units) == count
    assert machine(net).weights.shape == (count,)


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_the_gradient_is_autograds_at_first_and_after_a_thousand_updates(net, reading):
    rng = np.random.default_rng(1)
    probe, diet = (drawn(net, n, rng, one_hot=net.inputs > 2) for n in (2, 1000))
    ours = machine(net, reading)
    held = replace(reading, update="sequence")
    for trained in (False, True):
        if trained:
            before = ours.weights
            ours.train(diet, 0.1)
            assert np.abs(ours.weights - before).max() > 1e-3
        _, gradients = learned(net, ours.weights, probe, 0.0, held)
        assert close(ours.gradient(probe), sum(gradients))


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_updates_are_those_of_the_reference(net, reading):
    sequences = drawn(net, 6, np.random.default_rng(2), one_hot=net.inputs > 2)
    ours = machine(net, reading)
    want, _ = learned(net, ours.weights, sequences, 0.5, reading)
    ours.train(sequences, 0.5)
    assert close(ours.weights, want)


def test_truncated_and_exact_gradients_differ_where_blocks_are_recurrent():
    net = table10.adding()
    sequences = drawn(net, 5, np.random.default_rng(3), one_hot=False)
    ours, exact = machine(net), machine(net, Reading(gradient="exact"))
    assert not close(ours.gradient(sequences), exact.gradient(sequences), 1e-6)


@pytest.mark.parametrize("p", [4, 10, 100])
def test_rtrl_is_bptt_is_autograd(p):
    nets = [table10.long_lag_competitor(p + 1, rule) for rule in ("rtrl", "bptt")]
    sequences = drawn(nets[0], 3, np.random.default_rng(4), one_hot=True, longest=2 * p)
    start = machine(replace(nets[0], init=1.5)).weights
    rtrl, bptt = (Machine(net, start) for net in nets)
    gradient = sum(learned(nets[0], start, sequences, 0.0, Reading())[1])
    assert close(rtrl.gradient(sequences), gradient)
    assert close(bptt.gradient(sequences), gradient)
    want, _ = learned(nets[0], start, sequences, 1.0, Reading())
    for ours in (rtrl, bptt):
        ours.train(sequences, 1.0)
        assert close(ours.weights, want)


def test_rtrl_with_an_update_per_step_is_that_of_the_reference():
    net, reading = table10.long_lag_competitor(5, "rtrl"), Reading(update="step")
    sequences = drawn(net, 10, np.random.default_rng(5), one_hot=True)
    ours = machine(replace(net, init=1.0), reading)
    want, _ = learned(net, ours.weights, sequences, 1.0, reading)
    ours.train(sequences, 1.0)
    assert close(ours.weights, want)


def one_hot_values(sequences):
    return replace(sequences, symbols=None, values=inputs(sequences).numpy())


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("net", [NETS["reber 3x2"], NETS["2a"], NETS["2c"]], ids=["reber 3x2", "2a", "2c"])
def test_symbols_are_one_hot_values(net, reading):
    sequences = drawn(net, 100, np.random.default_rng(6), one_hot=True)
    sparse, dense = machine(net, reading), machine(net, reading)
    a = sparse.train(sequences, 0.3, outputs=True)
    b = dense.train(one_hot_values(sequences), 0.3, outputs=True)
    assert close(sparse.weights, dense.weights, 1e-12)
    assert close(a.outputs, b.outputs, 1e-12)


@pytest.mark.parametrize("rule", ["rtrl", "bptt"])
def test_symbols_are_one_hot_values_for_the_competitors(rule):
    net = table10.long_lag_competitor(5, rule)
    sequences = drawn(net, 100, np.random.default_rng(6), one_hot=True)
    sparse, dense = machine(net), machine(net)
    sparse.train(sequences, 0.3)
    dense.train(one_hot_values(sequences), 0.3)
    assert close(sparse.weights, dense.weights, 1e-12)


def test_symbols_that_do_not_occur_leave_their_weights_alone():
    net = table10.distractors(50)
    sequences = drawn(net, 1, np.random.default_rng(7), one_hot=True)
    ours = machine(net)
    before = ours.weights
    ours.train(sequences, 1.0)
    changed = np.flatnonzero(ours.weights[: 60 * 6].reshape(6, 60)[:, :54] != before[: 60 * 6].reshape(6, 60)[:, :54])
    assert {i % 54 for i in changed} == set(sequences.symbols)


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_an_interrupted_machine_goes_on_bit_for_bit(reading):
    net = table10.temporal_order(2)
    sequences = drawn(net, 60, np.random.default_rng(8), one_hot=True)
    whole, first, second = machine(net, reading), machine(net, reading), machine(net, reading, seed=99)
    scores = whole.train(sequences, 0.5, outputs=True)
    early = first.train(sequences.part(0, 23), 0.5, outputs=True)
    second.state = {name: np.load(saved) if isinstance(saved, Path) else saved for name, saved in first.state.items()}
    late = second.train(sequences.part(23, 60), 0.5, outputs=True)
    assert whole.state.keys() == second.state.keys() == {"weights", "sequences", "steps"}
    assert all(np.array_equal(whole.state[name], second.state[name]) for name in whole.state)
    for name in ("squared", "worst", "last", "outputs"):
        assert np.array_equal(getattr(scores, name), np.concatenate([getattr(early, name), getattr(late, name)]))


@pytest.mark.parametrize("net", [NETS["reber 3x2"], NETS["4"], RecurrentNet(5, 5)], ids=["reber", "adding", "rtrl"])
def test_scores_are_those_of_the_reference_and_a_test_changes_nothing(net):
    sequences = drawn(net, 8, np.random.default_rng(9), one_hot=net.inputs > 2)
    ours = machine(net)
    before = ours.weights
    scores = ours.test(sequences, outputs=True)
    assert np.array_equal(ours.weights, before)
    assert (ours.sequences, ours.steps) == (0, 0)
    reference, x, outputs = model(net, Reading()), inputs(sequences), []
    w, begins = torch.from_numpy(before), set(sequences.starts)
    state = None
    for t in range(sequences.steps):
        state = reference.start() if t in begins else state
        nets, state = reference.step(w, x[t], state)
        outputs.append(torch.sigmoid(nets).numpy())
    errors = np.abs(np.array(outputs)[sequences.scored] - sequences.targets)
    owner = np.searchsorted(sequences.starts, np.flatnonzero(sequences.scored), side="right") - 1
    assert close(scores.outputs, np.array(outputs)[sequences.scored], 1e-13)
    for n in range(8):
        of_n = errors[owner == n]
        assert close(scores.squared[n], np.square(of_n).sum(), 1e-12)
        assert close(scores.worst[n], of_n.max(), 1e-12)
        assert close(scores.last[n], of_n[-1].max(), 1e-12)


def test_one_compilation_serves_all():
    """Whatever the net, the reading, the inputs and the arrays' flags; compiling takes seconds."""
    prepare()
    net = table10.temporal_order(2)
    sequences = drawn(net, 3, np.random.default_rng(0), one_hot=True)
    sequences.targets.flags.writeable = False
    machine(net).train(sequences, 1)
    machine(net).train(one_hot_values(sequences).part(1, 3), np.float32(1))
    machine(net, Reading(gradient="exact", output="linear")).train(sequences, 1)
    for rule in ("rtrl", "bptt"):
        machine(RecurrentNet(8, 4, rule)).train(sequences, 1)
    assert [len(kernel.nopython_signatures) for kernel in (truncated, unrolled, recurrent)] == [1, 1, 1]
    assert prepare() == 0


def test_a_net_that_diverged_is_never_right():
    net = table10.adding()
    weights = machine(net).weights
    weights[-1] = np.nan
    scores = Machine(net, weights).test(drawn(net, 3, np.random.default_rng(10), one_hot=False))
    assert np.isnan([scores.squared, scores.worst, scores.last]).all()


def test_initial_weights_are_the_papers():
    net = table10.two_sequences()
    weights = net.initial(np.random.default_rng(11))
    rows = weights[:99].reshape(9, 11)
    assert rows[:6, -1].tolist() == [-1, -3, -5, -2, -4, -6]
    drawn_ones = np.concatenate([rows[:, :-1].ravel(), rows[6:, -1], weights[99:]])
    assert np.abs(drawn_ones).max() <= 0.1
    assert np.abs(drawn_ones).mean() == pytest.approx(0.05, abs=0.01)


def test_a_reading_can_give_outputs_a_bias():
    reading = Reading(output_bias=True)
    assert machine(table10.two_sequences(), reading).weights.shape == (103,)
    assert reading.changed == ("output_bias",)


def test_a_cell_joins_a_net_that_was_trained_without():
    old, new = table10.long_lag(6, blocks=0), table10.long_lag(6)
    before, fresh = machine(old).weights, machine(new, seed=1).weights
    weights = carried_over(before, old, new, fresh)
    assert np.array_equal(weights[12:].reshape(6, 7)[:, :6], before.reshape(6, 6))
    assert np.array_equal(weights[:12], fresh[:12])
    assert np.array_equal(weights[12:].reshape(6, 7)[:, 6], fresh[12:].reshape(6, 7)[:, 6])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Reading(update="epoch"), "sequence or step"),
        (lambda: Reading(gradient="exact", update="step"), "update = 'sequence'"),
        (lambda: machine(table10.long_lag_competitor(5, "bptt"), Reading(update="step")), "update = 'sequence'"),
        (lambda: RecurrentNet(5, 5, "elm"), "rtrl or bptt"),
        (lambda: Topology(2, 1, 2, 0), "size = 0"),
        (lambda: Topology(2, 1, 2, input_gate_biases=(-1.0,)), "1 numbers for 2 blocks"),
        (lambda: Topology(2, 1, 2, output_gates=False, output_gate_biases=(-1.0, -2.0)), "no output gates"),
        (lambda: Machine(table10.adding(), np.zeros(92)), r"has \(93,\)"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(UsageError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"starts": s.starts + 1}, "begin at 0"),
        (lambda s: {"starts": s.starts[::-1] - s.starts[-1]}, "never go back"),
        (lambda s: {"starts": s.starts[:-1]}, "same number of steps"),
        (lambda s: {"values": s.values[:-1]}, "same number of steps"),
        (lambda s: {"targets": s.targets[:-1]}, "targets"),
        (lambda s: {"targets": s.targets[:, :0]}, "scored steps, 1"),
        (lambda s: {"symbols": np.zeros(s.steps, np.int32)}, "not both"),
        (lambda s: {"values": None, "symbols": np.full(s.steps, 2, np.int32)}, "0 to 1"),
        (lambda s: {"inputs": 3}, "3 inputs"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(change, message):
    net = table10.adding()
    right = drawn(net, 3, np.random.default_rng(12), one_hot=False)
    with pytest.raises(UsageError, match=message):
        machine(net).test(replace(right, **change(right)))


def test_published_toml_agrees():
    """The numbers above, where the shared tables are at hand to compare them with."""
    path = Path(__file__).parents[2] / "shared/reference/published.toml"
    if not path.exists():
        pytest.skip("the shared reference tables are not beside this checkout")
    rows = tomllib.loads(path.read_text())["result"]
    counts = {
        int(r["value"])
        for r in rows
        if r["id"].startswith("hs97.") and "weights" in r["id"] and "chunker" not in r["id"]
    }
    assert counts <= {count for _, count in PUBLISHED}
