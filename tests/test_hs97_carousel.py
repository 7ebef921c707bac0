"""A look inside the 1997 nets over one sequence, and how far ∂s(T)/∂s(t) reaches, against autograd."""

import hs97_table10 as table10
import numpy as np
import pytest
import torch
from hs97_reference import inputs, model
from test_hs97_machine import drawn, machine

from rnngrad.errors import UsageError
from rnngrad.hs97.machine import (
    Machine,
    Reading,
    Topology,
    carousel,
    hidden_flow,
    record,
    record_hidden,
    state_flow,
)

NETS = {
    "adding": table10.adding(),
    "reber": table10.reber(3, 2),
    "2a": table10.long_lag(6),
    "no input gates": Topology(3, 2, 2, 3, input_gates=False, init=0.5),
    "no output gates": Topology(3, 2, 2, 2, output_gates=False, init=0.5),
}


def one_sequence(net, steps=12, seed=0):
    sequence = drawn(net, 1, np.random.default_rng(seed), one_hot=net.inputs > 2, longest=5)
    while sequence.steps < steps:
        sequence = drawn(net, 1, np.random.default_rng(seed := seed + 1), one_hot=net.inputs > 2, longest=2 * steps)
    return sequence


def wide_awake(net, reading=Reading(), seed=0):  # noqa: B008
    """A machine with weights so large that gates matter."""
    weights = np.random.default_rng(seed).normal(size=net.count)
    return Machine(net, weights, reading)


def unrolled(ours, sequence):
    """The reference's states, with a nudge per step that autograd can ask for."""
    reference, w, x = model(ours.net, Reading(gradient="exact")), torch.from_numpy(ours.weights), inputs(sequence)
    state, nudges, states, outputs = reference.start(), [], [], []
    for t in range(sequence.steps):
        width = getattr(ours.net, "cells", 1)
        nudges.append(torch.zeros(width, dtype=torch.float64, requires_grad=True))
        nets, state = reference.step(w, x[t], state, nudges[-1])
        states.append(state)
        outputs.append(torch.sigmoid(nets).detach().numpy())
    return nudges, states, np.array(outputs)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_a_recording_is_the_references(net):
    ours, sequence = wide_awake(net), one_sequence(net)
    seen = record(ours, sequence)
    _, states, outputs = unrolled(ours, sequence)
    y_in, y_out, y, s = (np.array([state[i].detach().numpy() for state in states]) for i in range(4))
    assert seen.input_gates.shape == (sequence.steps, net.blocks if net.input_gates else 0)
    assert seen.output_gates.shape == (sequence.steps, net.blocks if net.output_gates else 0)
    pairs = [(seen.states, s), (seen.cell_outputs, y), (seen.outputs, outputs)]
    pairs += [(seen.input_gates, y_in)] * net.input_gates + [(seen.output_gates, y_out)] * net.output_gates
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
    opened = np.repeat(y_in, net.size, axis=1)
    np.testing.assert_allclose(np.cumsum(opened * seen.squashed_inputs, axis=0), s, rtol=0, atol=1e-12)
    through = np.repeat(y_out, net.size, axis=1)
    np.testing.assert_allclose(through * seen.squashed_states, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("large", [1e100, 1e-3], ids=["unscaled", "scaled"])
def test_state_flow_is_autograds(net, large, monkeypatch):
    monkeypatch.setattr(carousel, "_LARGE", large)
    ours, sequence = wide_awake(net), one_sequence(net)
    flow = state_flow(ours, sequence)
    nudges, states, _ = unrolled(ours, sequence)
    rows = [torch.autograd.grad(end, nudges, retain_graph=True) for end in states[-1][3]]
    whole = np.array([[of_t.numpy() for of_t in row] for row in rows]).swapaxes(0, 1)
    got = np.exp(flow.scale)[:, None, None] * flow.beyond
    np.testing.assert_allclose(got + np.eye(net.cells), whole, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(flow.log_whole, np.log(np.linalg.norm(whole, 2, axis=(1, 2))), atol=1e-10)
    assert flow.log_beyond[-1] == -np.inf
    assert (flow.scale.max() > 0) == (large < 1 and net.recurrent)


def test_without_recurrence_the_carousel_is_all():
    flow = state_flow(wide_awake(NETS["2a"]), one_sequence(NETS["2a"]))
    assert np.all(flow.beyond == 0)
    assert np.all(flow.log_whole == 0)


def test_flow_beyond_all_floats_keeps_its_logarithm():
    """States that feed themselves through wide-open gates: growth by the step, far beyond e^709."""
    net = Topology(1, 1, 1, input_gates=False, output_gates=False, cell_bias=False, h=(-1e3, 1e3), g=(-1e3, 1e3))
    ours = Machine(net, np.array([0.0, 0.1, 0.0, 0.0]))
    steps = 400
    silent = drawn(net, 1, np.random.default_rng(0), one_hot=False)
    silent = type(silent)(
        np.array([0, steps]), np.arange(steps) == steps - 1, np.zeros((1, 1)), 1, values=np.zeros((steps, 1))
    )
    flow = state_flow(ours, silent)
    # s stays 0, where h' = g' = 2000/4: each step multiplies by 1 + 0.1 · 500².
    lags = np.arange(steps - 1, -1, -1)
    np.testing.assert_allclose(flow.log_whole, lags * np.log1p(0.1 * 500.0**2), rtol=1e-12)
    assert flow.log_whole[0] > 2000


def test_hidden_flow_is_autograds_and_under_its_bound():
    net = table10.long_lag_competitor(6, "rtrl")
    ours, sequence = wide_awake(net), one_sequence(net)
    flow = hidden_flow(ours, sequence)
    nudges, states, _ = unrolled(ours, sequence)
    want = np.array([g.item() for g in torch.autograd.grad(states[-1][0], nudges)])
    np.testing.assert_allclose(flow.log_flow, np.log(np.abs(want)), atol=1e-10)
    np.testing.assert_allclose(record_hidden(ours, sequence), [h.item() for h in states], atol=1e-14)
    assert np.all(flow.log_flow <= flow.log_bound)
    assert flow.log_bound[0] == pytest.approx((sequence.steps - 1) * np.log(abs(ours.weights[6]) / 4))


def test_mistakes_are_named():
    adding, competitor = machine(table10.adding()), machine(table10.long_lag_competitor(6, "bptt"))
    two = drawn(table10.adding(), 2, np.random.default_rng(0), one_hot=False)
    with pytest.raises(UsageError, match="one sequence, not of 2"):
        record(adding, two)
    with pytest.raises(UsageError, match="no memory cells"):
        state_flow(competitor, one_sequence(competitor.net))
    with pytest.raises(UsageError, match="one hidden unit"):
        hidden_flow(adding, two.part(0, 1))
