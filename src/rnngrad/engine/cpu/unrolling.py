"""The fused unrolling as one node of autograd: kernels forward, kernels back, nothing recorded in between."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import gru, lstm, rnn, workers
from .simd import VECTOR_BYTES

KERNELS = {
    "rnn": (rnn, 0),
    "rnn_relu": (rnn, 1),
    "rnn_identity": (rnn, 2),
    "lstm": (lstm, 0),
    "gru": (gru, 0),
}
"""Per cell: the module with its kernels and the number that tells them the activation."""

LEAST_ROWS = 8  # samples of a tile: fewer leave the vector units waiting for the sums before


def _tiles(replicas: int, batch: int) -> list[tuple[int, int, int, int]]:
    """(replica, tile, first sample, samples) of every task. How a batch is cut does not depend on the replicas."""
    count = max(1, min(workers.threads(), batch // LEAST_ROWS))
    edges = [batch * i // count for i in range(count + 1)]
    return [(r, i, edges[i], edges[i + 1] - edges[i]) for r in range(replicas) for i in range(count)]


def _padded(hidden: int, dtype: torch.dtype) -> int:
    lanes = VECTOR_BYTES // dtype.itemsize
    return -(-hidden // lanes) * lanes


class Unrolling(torch.autograd.Function):
    """(x, state, weights) to h at the last ``keep`` steps; shapes as in ``engine.reference.unroll``."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: str,
        keep: int,
        x: Tensor,
        state: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
    ) -> Tensor:
        replicas, steps, batch, _ = x.shape
        hidden = w_hh.shape[2]
        kernels, kind = KERNELS[cell]
        tasks = _tiles(replicas, batch)
        tiles = len(tasks) // replicas
        rows = max(task[3] for task in tasks)
        width = _padded(hidden, x.dtype)
        slots = steps if any(ctx.needs_input_grad) else 1
        states = x.new_empty(replicas, tiles, slots + 1, rows * width)
        saved = x.new_empty(replicas, tiles, slots, rows * width * kernels.KEPT)
        out = x.new_empty(replicas, keep, batch, hidden)
        tensors = (x, state, w_ih, w_hh, b_ih, b_hh, out, states, saved)
        arrays = [tensor.detach().numpy() for tensor in tensors]
        workers.run(lambda *task: kernels.forward(kind, *arrays, *task), tasks)
        ctx.cell, ctx.tasks, ctx.states, ctx.saved = cell, tasks, states, saved
        ctx.state_width = state.shape[-1]
        ctx.save_for_backward(x, w_ih, w_hh)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, w_ih, w_hh = ctx.saved_tensors
        replicas, _, batch, inputs = x.shape
        hidden = w_hh.shape[2]
        kernels, kind = KERNELS[ctx.cell]
        tiles, width, gates = len(ctx.tasks) // replicas, _padded(hidden, x.dtype), len(kernels.RECURRENT)
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[2] else x.new_empty(0, 0, 0, 0)
        grad_state = x.new_empty(replicas, batch, ctx.state_width)
        dw_ih = x.new_zeros(replicas, tiles, inputs, gates * width)
        dw_hh = x.new_zeros(replicas, tiles, hidden, gates * width)
        dz_sum = x.new_zeros(replicas, tiles, 1, kernels.DELTAS * width)
        tensors = (
            x,
            w_ih,
            w_hh,
            ctx.states,
            ctx.saved,
            grad_out.contiguous(),
            grad_x,
            grad_state,
            dw_ih,
            dw_hh,
            dz_sum,
        )
        arrays = [tensor.detach().numpy() for tensor in tensors]
        workers.run(lambda *task: kernels.backward(kind, *arrays, *task), ctx.tasks)
        return (
            None,
            None,
            grad_x if ctx.needs_input_grad[2] else None,
            grad_state,
            _gather(dw_ih, kernels.INPUT, hidden),
            _gather(dw_hh, kernels.RECURRENT, hidden),
            _gather(dz_sum[..., -gates * width :], kernels.INPUT, hidden).squeeze(-1),
            _gather(dz_sum[..., : gates * width], kernels.RECURRENT, hidden).squeeze(-1),
        )


def _gather(parts: Tensor, order: tuple[int, ...], hidden: int) -> Tensor:
    """From the tiles' transposed gradients (R, tiles, K, gates·W), gates in ``order``, to the gradient (R, GH, K)."""
    total = parts[:, 0]
    for tile in range(1, parts.shape[1]):
        total = total + parts[:, tile]
    replicas, columns, _ = total.shape
    blocks = total.reshape(replicas, columns, len(order), -1)[..., :hidden]
    blocks = blocks[:, :, [order.index(gate) for gate in range(len(order))]]
    return blocks.reshape(replicas, columns, -1).transpose(1, 2).contiguous()
