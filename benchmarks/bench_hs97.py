"""What does a time step of the 1997 machine cost? Beside it the same learning in plain numpy and in torch.

    python benchmarks/bench_hs97.py

One core, float64, on-line learning with the truncated gradient; sequences of some 100 steps. The three ways give the
adding net the same weights, which is checked. Medians over 15 runs, of the processor's time.
"""

from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
import torch
from torch import Tensor

from rnngrad.hs97 import cards
from rnngrad.hs97.machine import Machine, Reading, RecurrentNet, Topology
from rnngrad.hs97.sequences import Reals, Sequences

RUNS, STEPS, RATE = 15, 105, 0.5


def of_paper(experiment: str, setting: str) -> Topology | RecurrentNet:
    """The net of an experiment's card."""
    return cards.load(experiment).resolve(setting).topology()


def drawn(net: Topology | RecurrentNet, count: int, every: bool, steps: int = STEPS) -> Sequences:
    """Random sequences of equal length, scored at every step or at the last one; one-hot if there are many inputs."""
    rng = np.random.default_rng(0)
    total = count * steps
    scored = np.ones(total, np.bool_) if every else np.arange(total) % steps == steps - 1
    targets = rng.random((int(scored.sum()), net.outputs))
    symbols = rng.integers(0, net.inputs, total).astype(np.int32) if net.inputs > 2 else None
    values = None if net.inputs > 2 else rng.uniform(-1, 1, (total, net.inputs))
    return Sequences(np.arange(count + 1) * steps, scored, targets, net.inputs, symbols, values)


def logistic(x: Reals) -> Reals:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def in_numpy(net: Topology, weights: Reals, sequences: Sequences) -> Reals:
    """The adding net's learning as one writes it in numpy: traces as matrices, no loop over units."""
    assert sequences.values is not None
    gates, cells, sees = 2 * net.blocks, net.cells, net.inputs + len(net.hidden) + 1
    hidden, out = weights[: (gates + cells) * sees].reshape(-1, sees).copy(), weights[(gates + cells) * sees :].copy()
    for n, target in enumerate(sequences.targets):
        s, before, to_cell, to_in = np.zeros(cells), np.zeros(gates + cells), *np.zeros((2, cells, sees))
        for x in sequences.values[sequences.starts[n] : sequences.starts[n + 1]]:
            y = np.concatenate([x, before, [1.0]])
            units = logistic(hidden @ y)
            y_in, y_out = np.repeat(units[: net.blocks], net.size), np.repeat(units[net.blocks : gates], net.size)
            g = 4 * units[gates:] - 2
            s = s + y_in * g
            h = 2 * logistic(s) - 1
            to_cell += np.outer(y_in * (4 * units[gates:] * (1 - units[gates:])), y)
            to_in += np.outer(g * y_in * (1 - y_in), y)
            before = np.concatenate([units[:gates], y_out * h])
        seen = np.append(before[gates:], 1.0)
        output = logistic(out @ seen)
        delta = RATE * (target[0] - output) * output * (1 - output)
        of_y = delta * out[:-1]
        of_s = (of_y * y_out * (1 - h * h) / 2)[:, None]
        of_gate = (of_y * h).reshape(net.blocks, net.size).sum(axis=1) * units[net.blocks : gates]
        hidden[: net.blocks] += (of_s * to_in).reshape(net.blocks, net.size, sees).sum(axis=1)
        hidden[net.blocks : gates] += np.outer(of_gate * (1 - units[net.blocks : gates]), y)
        hidden[gates:] += of_s * to_cell
        out += delta * seen
    return np.concatenate([hidden.ravel(), out])


def in_torch(net: Topology, weights: Reals, sequences: Sequences) -> Reals:
    """The same by autograd, with the recurrent inputs detached."""
    w = torch.from_numpy(weights.copy()).requires_grad_()
    values, one = torch.from_numpy(sequences.values), torch.ones(1, dtype=torch.float64)
    gates, sees = 2 * net.blocks, net.inputs + len(net.hidden) + 1
    end = (gates + net.cells) * sees
    for n, target in enumerate(torch.from_numpy(sequences.targets)):
        s: Tensor = torch.zeros(net.cells, dtype=torch.float64)
        before = torch.zeros(gates + net.cells, dtype=torch.float64)
        hidden, out = w[:end].view(-1, sees), w[end:]
        for x in values[sequences.starts[n] : sequences.starts[n + 1]]:
            units = torch.sigmoid(hidden @ torch.cat([x, before.detach(), one]))
            wide = units[:gates].repeat_interleave(net.size)
            s = s + wide[: net.cells] * (4 * units[gates:] - 2)
            y = wide[net.cells :] * (2 * torch.sigmoid(s) - 1)
            before = torch.cat([units[:gates], y])
        error = 0.5 * (target[0] - torch.sigmoid(out @ torch.cat([y, one]))).square()
        (gradient,) = torch.autograd.grad(error, w)
        with torch.no_grad():
            w -= RATE * gradient
    return w.detach().numpy()


def nanoseconds(work: Callable[[], object], steps: int, runs: int = RUNS) -> float:
    """Processor time per time step, the median over runs, behind one that does not count."""
    times = []
    for _ in range(runs + 1):
        begin = process_time()
        work()
        times.append(process_time() - begin)
    return 1e9 * median(times[1:]) / steps


def beside_numpy_and_torch() -> None:
    """Prints the 93-weight net of experiment 4, three ways."""
    net = of_paper("4", "T100")
    assert isinstance(net, Topology)
    start = net.initial(np.random.default_rng(0))
    few, many = drawn(net, 5, every=False), drawn(net, 1000, every=False)
    machine, other = Machine(net, start), Machine(net, start)
    machine.train(few, RATE)
    print("| experiment 4, 93 weights | ns per time step | weights differ by at most |\n| --- | ---: | ---: |")
    print(f"| rnngrad.hs97 | {nanoseconds(lambda: other.train(many, RATE), many.steps):,.0f} | |")
    for name, way in (("plain numpy", in_numpy), ("torch, autograd", in_torch)):
        apart = np.abs(way(net, start, few) - machine.weights).max()
        cost = nanoseconds(lambda way=way: way(net, start, few), few.steps, runs=5)  # type: ignore[misc]
        print(f"| {name} | {cost:,.0f} | {apart:.0e} |")


def all_nets() -> None:
    """Prints the other nets and rules."""
    text, step, exact = Reading(), Reading(update="step"), Reading(gradient="exact")
    cases: list[tuple[str, Topology | RecurrentNet, Reading, bool]] = [
        ("1, 3 blocks of 2", of_paper("1", "3x2-lr0.5"), text, True),
        ("2a, p = 100", of_paper("2a", "lstm-p100"), text, True),
        ("2a, p = 100, update per step", of_paper("2a", "lstm-p100"), step, True),
        ("2a, p = 100, RTRL", of_paper("2a", "rtrl-p100-lr1"), text, True),
        ("2a, p = 100, BPTT", of_paper("2a", "bptt-p100-lr1"), text, True),
        ("2c, p = 50", of_paper("2c", "q50-p50"), text, False),
        ("2c, p = 1000", of_paper("2c", "q1000-p1000"), text, False),
        ("3", of_paper("3a", "T100-N3"), text, False),
        ("4, exact gradient", of_paper("4", "T100"), exact, False),
        ("6a", of_paper("6a", "T100"), text, False),
        ("6b", of_paper("6b", "T100"), text, False),
    ]
    print("\n| experiment | weights | ns per time step |\n| --- | ---: | ---: |")
    for name, net, reading, every in cases:
        machine = Machine.drawn(net, np.random.default_rng(0), reading)
        sequences = drawn(net, 200, every)
        cost = nanoseconds(lambda m=machine, s=sequences: m.train(s, 0.1), sequences.steps)  # type: ignore[misc]
        print(f"| {name} | {net.count:,} | {cost:,.0f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    beside_numpy_and_torch()
    all_nets()
