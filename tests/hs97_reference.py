"""The nets of the 1997 paper once more, in torch and by the book: what the machine's gradients are compared with."""

import numpy as np
import torch

from rnngrad.hs97.machine import RecurrentNet, Topology
from rnngrad.hs97.sequences import Sequences


def squash(x, bounds):
    return x if bounds is None else bounds[0] + (bounds[1] - bounds[0]) * torch.sigmoid(x)


class Blocks:
    """Memory blocks: one step at a time, the weights cut from the flat vector in its documented order."""

    def __init__(self, net: Topology, reading):
        self.net, self.truncated = net, reading.gradient == "truncated"
        self.g, self.h = net.g, net.h
        if reading.ranges == "caption" and net.h is not None:
            self.g, self.h = net.h, net.g

    def start(self):
        net = self.net
        gates = torch.zeros(net.blocks, dtype=torch.float64)
        return gates, gates, torch.zeros(net.cells, dtype=torch.float64), torch.zeros(net.cells, dtype=torch.float64)

    def step(self, w, x, state, nudge=0.0):
        """``nudge`` is added to s before the cell outputs are computed from it."""
        net, one = self.net, torch.ones(1, dtype=torch.float64)
        y_in, y_out, y, s = state
        before = [gate for gate, there in ((y_in, net.input_gates), (y_out, net.output_gates)) if there] + [y]
        if self.truncated:
            before = [source.detach() for source in before]
        sees = torch.cat([x, *before]) if net.recurrent else x
        at = 0

        def layer(count, sources, bias):
            nonlocal at
            sources = torch.cat([sources, one]) if bias else sources
            rows = w[at : at + count * len(sources)].view(count, len(sources))
            at += rows.numel()
            return rows @ sources

        each = torch.ones(net.blocks, dtype=torch.float64)
        y_in = torch.sigmoid(layer(net.blocks, sees, net.gate_bias)) if net.input_gates else each
        y_out = torch.sigmoid(layer(net.blocks, sees, net.gate_bias)) if net.output_gates else each
        s = s + y_in.repeat_interleave(net.size) * squash(layer(net.cells, sees, net.cell_bias), self.g) + nudge
        y = y_out.repeat_interleave(net.size) * squash(s, self.h)
        nets = layer(net.outputs, torch.cat([x, y]) if net.direct else y, net.output_bias)
        assert at == len(w)
        return nets, (y_in, y_out, y, s)


class Hidden:
    """The recurrent net of experiment 2a."""

    def __init__(self, net: RecurrentNet, reading):
        self.net = net

    def start(self):
        return torch.zeros(1, dtype=torch.float64)

    def step(self, w, x, h, nudge=0.0):
        """``nudge`` is added to h before the outputs are computed from it."""
        count = self.net.inputs + 1
        h = torch.sigmoid(w[:count] @ torch.cat([x, h]))[None] + nudge
        return w[count:].view(self.net.outputs, count) @ torch.cat([x, h]), h


def model(net, reading):
    return (Hidden if isinstance(net, RecurrentNet) else Blocks)(net, reading)


def error(nets, target, reading):
    """The step's error, whose derivative with respect to the outputs' nets is what the reading calls the output error.

    Without the logistic's derivative that is y - t, of the cross entropy.
    """
    factor = 1.0 if reading.half else 2.0
    if reading.output == "linear":
        return factor * 0.5 * (target - nets).square().sum()
    if reading.derivative:
        return factor * 0.5 * (target - torch.sigmoid(nets)).square().sum()
    return factor * (torch.nn.functional.softplus(nets) - target * nets).sum()


def inputs(sequences: Sequences):
    if sequences.values is not None:
        return torch.from_numpy(sequences.values)
    return torch.nn.functional.one_hot(torch.from_numpy(sequences.symbols).long(), sequences.inputs).double()


def learned(net, weights, sequences: Sequences, lr, reading):
    """Weights after the sequences, and the gradients that were followed, one per update.

    Each step has a leaf of its own, so that an update per step can change the weights under the traces' feet.
    """
    w, gradients, answer = torch.from_numpy(np.array(weights)), [], 0
    x, targets = inputs(sequences), torch.from_numpy(sequences.targets)
    machine = model(net, reading)
    for begin, end in zip(sequences.starts[:-1], sequences.starts[1:], strict=True):
        leaves, state, total = [], machine.start(), torch.zeros((), dtype=torch.float64)
        for t in range(begin, end):
            leaves.append(w.clone().requires_grad_())
            nets, state = machine.step(leaves[-1], x[t], state)
            if not sequences.scored[t]:
                continue
            total = total + error(nets, targets[answer], reading)
            answer += 1
            if reading.update == "step" or t == end - 1:
                gradients.append(sum(torch.autograd.grad(total, leaves, retain_graph=True)))
                w = w - lr * gradients[-1]
                total = torch.zeros((), dtype=torch.float64)
    return w.numpy(), [g.numpy() for g in gradients]
