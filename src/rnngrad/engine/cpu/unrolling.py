"""The fused unrolling as one node of autograd: kernels forward, kernels back, nothing recorded in between."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..tap import Tap
from . import gru, kernels, lstm, workers, workspace
from .simd import VECTOR_BYTES

KINDS = {
    "rnn": kernels.TANH,
    "rnn_relu": kernels.RELU,
    "rnn_identity": kernels.IDENTITY,
    "lstm": kernels.LSTM,
    "gru": kernels.GRU,
}
"""The number by which the kernels know a cell."""

_KEPT = {kernels.LSTM: lstm.KEPT, kernels.GRU: gru.KEPT}
_LEAST_ROWS = 8  # samples of a tile: fewer leave the multipliers waiting for the sums before
_MOST_ROWS = 64  # and with more its pre-activations leave the first cache
_LEAST_TILES = 2  # two threads share the batch of one replica; more of either have more to share

Task = tuple[int, int, int, int]


def _tiles(replicas: int, batch: int) -> list[Task]:
    """(replica, tile, first sample, samples) of every task.

    How a batch is cut decides in which order its gradients are summed, so it depends on the batch alone: neither the
    number of replicas nor that of threads changes a bit.
    """
    count = max(1, min(_LEAST_TILES, batch // _LEAST_ROWS), -(-batch // _MOST_ROWS))
    edges = [batch * i // count for i in range(count + 1)]
    return [(r, i, edges[i], edges[i + 1] - edges[i]) for r in range(replicas) for i in range(count)]


class Plan:
    """The sizes of one unrolling and how its steps are cut into segments."""

    def __init__(self, cell: str, x: Tensor, state: Tensor, hidden: int, limit: int | None) -> None:
        """With a ``limit`` in bytes the steps are cut so that what one segment keeps stays under it."""
        replicas, steps, batch, self.inputs = x.shape
        lanes = VECTOR_BYTES // x.element_size()
        self.kind = KINDS[cell]
        self.hidden, self.width = hidden, -(-hidden // lanes) * lanes
        self.parts = state.shape[2] // hidden
        self.tasks = _tiles(replicas, batch)
        self.tiles = len(self.tasks) // replicas
        rows = max(task[3] for task in self.tasks)
        lead = -(-(self.inputs + 1) // lanes) * lanes
        self.state_size = rows * (lead + self.parts * self.width)
        self.saved_size = rows * self.width * _KEPT.get(self.kind, 0)
        self.step_bytes = x.element_size() * replicas * self.tiles * (self.state_size + self.saved_size)
        length = steps if limit is None else min(steps, max(1, limit // self.step_bytes))
        self.segments = [(begin, min(steps, begin + length)) for begin in range(0, steps, length)]

    def room(self, x: Tensor, slots: int) -> tuple[Tensor, list[Tensor]]:
        """Borrowed memory for what ``slots`` steps keep, and in it the states and the rest."""
        lead = (x.shape[0], self.tiles)
        return workspace.borrow(x, (*lead, slots + 1, self.state_size), (*lead, slots, self.saved_size))

    def run(self, kernel: Any, span: tuple[int, int], tensors: Sequence[Tensor]) -> None:
        """The kernel on the steps of the span, over all tasks."""
        arrays = [tensor.detach().numpy() for tensor in tensors]
        workers.run(lambda *task: kernel(self.kind, *span, *arrays, *task), self.tasks)


class Unrolling(torch.autograd.Function):
    """(x, state, weights) to h at the last ``keep`` steps; shapes as in ``engine.reference.unroll``.

    Where the steps are cut into segments, forward keeps the states between them alone, and backward runs each forward
    again before it goes back through it. So does a second backward, because the first gives its room back.
    """

    @staticmethod
    def forward(
        ctx: Any, cell: str, keep: int, tap: Tap | None, limit: int, x: Tensor, state: Tensor, *weights: Tensor
    ) -> Tensor:
        replicas, steps, batch, _ = x.shape
        training = any(ctx.needs_input_grad)
        plan = Plan(cell, x, state, weights[1].shape[2], limit if training else None)
        whole = training and len(plan.segments) == 1
        out = x.new_empty(replicas, keep, batch, plan.hidden)
        space, room = plan.room(x, steps if whole else 1)
        states = [state]
        for span in plan.segments:
            states.append(torch.empty_like(state))
            plan.run(kernels.forward, span, [x, states[-2], *weights, out, states[-1], *room])
        if not whole:
            workspace.give_back(space)
        ctx.plan, ctx.tap, ctx.room, ctx.states = plan, tap, (space, room) if whole else None, states[1:-1]
        ctx.save_for_backward(x, state, *weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, state, *weights = ctx.saved_tensors
        plan, want_x = ctx.plan, ctx.needs_input_grad[4]
        adjoint, powers = torch.zeros_like(state), torch.zeros(state.shape[:2], dtype=torch.int64)
        grad_x = x.new_zeros(x.shape if want_x else (len(x), 0, 0, 0))
        blocks = 4 if plan.kind in _KEPT else 1
        dw = x.new_zeros(len(x), plan.tiles, plan.inputs + 1 + plan.hidden, blocks * plan.width)
        heard = _ears(ctx.tap, plan, x)
        space, room = ctx.room or plan.room(x, plan.segments[0][1])
        nothing = x.new_empty(len(x), 0, 0, 0)
        for span, start in reversed(list(zip(plan.segments, [state, *ctx.states], strict=True))):
            if ctx.room is None:
                plan.run(kernels.forward, span, [x, start, *weights, nothing, torch.empty_like(state), *room])
            given = [x, weights[0], weights[1], *room, grad_out.contiguous(), grad_x, adjoint, powers, dw]
            plan.run(kernels.backward, span, [*given, *heard])
        workspace.give_back(space)
        ctx.room = None
        if ctx.tap:
            _tell(ctx.tap, plan, *heard)
        grad_state = torch.ldexp(adjoint.double(), powers.unsqueeze(-1)).to(x.dtype)
        return None, None, None, None, grad_x if want_x else None, grad_state, *_gather(dw, plan)


def _ears(tap: Tap | None, plan: Plan, x: Tensor) -> list[Tensor]:
    """Where the backward kernel writes for a tap: as its last arguments; empty where not wanted."""
    replicas, steps, batch, _ = x.shape
    heard, summed = (steps if tap else 0), (steps if tap and tap.mean else 0)
    shapes = ((replicas, heard, plan.parts, batch), (replicas, plan.tiles, heard, plan.parts))
    squares, totals = (torch.empty(shape, dtype=torch.float64) for shape in shapes)
    sums = x.new_empty(replicas, plan.tiles, summed, plan.parts * plan.width)
    powers = ((replicas, heard, batch), (replicas, plan.tiles, heard), (replicas, plan.tiles, summed))
    square_powers, total_powers, sum_powers = (torch.empty(shape, dtype=torch.int64) for shape in powers)
    whole = (replicas, steps if tap and tap.whole else 0, batch, plan.parts * plan.hidden)
    return [squares, square_powers, totals, total_powers, sums, sum_powers, x.new_empty(whole), x.new_empty(whole)]


def _tell(
    tap: Tap,
    plan: Plan,
    squares: Tensor,
    square_powers: Tensor,
    totals: Tensor,
    total_powers: Tensor,
    sums: Tensor,
    sum_powers: Tensor,
    befores: Tensor,
    deltas: Tensor,
) -> None:
    """What the kernel has written, to the tap."""
    replicas, steps, parts, batch = squares.shape
    log_rms = torch.empty(replicas, steps, parts + (parts > 1), dtype=torch.float64)
    kernels.log_rms(totals.numpy(), total_powers.numpy(), batch, log_rms.numpy())
    sums = sums.view(*sums.shape[:3], parts, plan.width)[..., : plan.hidden]
    tap.fill(squares, square_powers, log_rms, sums, sum_powers, befores, deltas)


def _gather(parts: Tensor, plan: Plan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The tiles' transposed gradients (R, tiles, I + 1 + H, blocks·W) to those of the weights and biases.

    The input weights' gates are the last blocks, the recurrent ones' the first, in a GRU one place on.
    """
    total = parts[:, 0]
    for tile in range(1, plan.tiles):
        total = total + parts[:, tile]
    replicas, rows, _ = total.shape
    blocks = total.view(replicas, rows, -1, plan.width)[..., : plan.hidden]
    gru_turn = gru.TURN if plan.kind == kernels.GRU else 0
    gates = blocks.shape[2] - gru_turn

    def gradient(part: Tensor) -> Tensor:
        return part.reshape(replicas, rows, gates * plan.hidden).transpose(1, 2)

    of_h = of_x = gradient(blocks[:, :, :gates])
    if gru_turn:
        of_h, of_x = gradient(blocks[:, :, :gates].roll(-gru_turn, dims=2)), gradient(blocks[:, :, -gates:])
    return (
        of_x[..., : plan.inputs],
        of_h[..., plan.inputs + 1 :],
        of_x[..., plan.inputs].clone(),  # both biases of a cell other than a GRU have this gradient, each its own copy
        of_h[..., plan.inputs].clone(),
    )
