"""The fused unrolling as one node of autograd: kernels forward, kernels back, nothing recorded in between."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..tap import Tap
from . import gru, kernels, lstm, workers
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


def _tiles(replicas: int, batch: int) -> list[tuple[int, int, int, int]]:
    """(replica, tile, first sample, samples) of every task. How a batch is cut does not depend on the replicas."""
    count = max(1, min(workers.threads(), batch // _LEAST_ROWS), -(-batch // _MOST_ROWS))
    edges = [batch * i // count for i in range(count + 1)]
    return [(r, i, edges[i], edges[i + 1] - edges[i]) for r in range(replicas) for i in range(count)]


def _padded(width: int, dtype: torch.dtype) -> int:
    lanes = VECTOR_BYTES // dtype.itemsize
    return -(-width // lanes) * lanes


def _run(kernel: Any, kind: int, tensors: list[Tensor], tasks: list[tuple[int, int, int, int]]) -> None:
    arrays = [tensor.detach().numpy() for tensor in tensors]
    workers.run(lambda *task: kernel(kind, *arrays, *task), tasks)


class Unrolling(torch.autograd.Function):
    """(x, state, weights) to h at the last ``keep`` steps; shapes as in ``engine.reference.unroll``."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: str,
        keep: int,
        tap: Tap | None,
        x: Tensor,
        state: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
    ) -> Tensor:
        replicas, steps, batch, inputs = x.shape
        hidden, kind = w_hh.shape[2], KINDS[cell]
        tasks = _tiles(replicas, batch)
        tiles = len(tasks) // replicas
        rows = max(task[3] for task in tasks)
        width, lead = _padded(hidden, x.dtype), _padded(inputs + 1, x.dtype)
        slots = steps if any(ctx.needs_input_grad) else 1
        states = x.new_empty(replicas, tiles, slots + 1, rows * (lead + state.shape[2] // hidden * width))
        saved = x.new_empty(replicas, tiles, slots, rows * width * _KEPT.get(kind, 0))
        out = x.new_empty(replicas, keep, batch, hidden)
        _run(kernels.forward, kind, [x, state, w_ih, w_hh, b_ih, b_hh, out, states, saved], tasks)
        ctx.kind, ctx.tasks, ctx.states, ctx.saved, ctx.state_width = kind, tasks, states, saved, state.shape[2]
        ctx.tap = tap
        ctx.save_for_backward(x, w_ih, w_hh)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, w_ih, w_hh = ctx.saved_tensors
        replicas, steps, batch, inputs = x.shape
        hidden = w_hh.shape[2]
        width, gates = _padded(hidden, x.dtype), w_hh.shape[1] // hidden
        blocks = 4 if gates > 1 else 1
        tiles, parts = len(ctx.tasks) // replicas, ctx.state_width // hidden
        want_x = ctx.needs_input_grad[3]
        grad_x = x.new_zeros(x.shape if want_x else (replicas, 0, 0, 0))
        grad_state = x.new_empty(replicas, batch, ctx.state_width)
        dw = x.new_zeros(replicas, tiles, inputs + 1 + hidden, blocks * width)
        listened = steps if ctx.tap else 0
        squares = x.new_empty(replicas, listened, batch, parts)
        powers = torch.empty(replicas, listened, batch, dtype=torch.int64)
        summed = steps if ctx.tap and ctx.tap.mean else 0
        sums = x.new_empty(replicas, tiles, summed, parts * width)
        sum_powers = torch.empty(replicas, tiles, summed, dtype=torch.int64)
        tensors = [x, w_ih, w_hh, ctx.states, ctx.saved, grad_out.contiguous(), grad_x, grad_state, dw]
        _run(kernels.backward, ctx.kind, [*tensors, squares, powers, sums, sum_powers], ctx.tasks)
        if ctx.tap:
            ctx.tap.fill(squares, powers, sums.unflatten(-1, (parts, width))[..., :hidden], sum_powers)
        turn = gru.TURN if ctx.kind == kernels.GRU else 0
        of_x, of_h = _gather(dw, gates, turn, hidden, inputs)
        return (
            None,
            None,
            None,
            grad_x if want_x else None,
            grad_state,
            of_x[:, :, :inputs].contiguous(),
            of_h[:, :, inputs + 1 :].contiguous(),
            of_x[:, :, inputs].contiguous(),
            of_h[:, :, inputs].contiguous(),
        )


def _gather(parts: Tensor, gates: int, turn: int, hidden: int, inputs: int) -> tuple[Tensor, Tensor]:
    """The tiles' transposed gradients (R, tiles, K, blocks·W) to those of the input and recurrent weights, (R, GH, K).

    The input weights' gates are the last blocks, the recurrent ones' the first, ``turn`` places on.
    """
    total = parts[:, 0]
    for tile in range(1, parts.shape[1]):
        total = total + parts[:, tile]
    replicas, rows, _ = total.shape
    blocks = total.reshape(replicas, rows, 4 if gates > 1 else 1, -1)[..., :hidden]
    of_x = blocks[:, :, -gates:].reshape(replicas, rows, gates * hidden).transpose(1, 2)
    recurrent = blocks[:, :, :gates].roll(-turn, dims=2) if turn else blocks[:, :, :gates]
    return of_x, recurrent.reshape(replicas, rows, gates * hidden).transpose(1, 2)
