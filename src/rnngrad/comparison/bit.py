"""The task of both nets: one bit goes in at the first layer, or step, and is asked for at the last."""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..cells import CELLS, Params
from ..engine import reference
from ..models import FeedForward, Recurrent
from ..streams import generator
from .setting import INPUTS, Setting

BATCH = 32
"""Samples of an update, and of a measurement."""
TESTED = 500
"""Samples of the test."""
RATE, CLIP = 1e-3, 1.0


class Bits(NamedTuple):
    """``x`` (R, T, B, I): at the first step the bit, -1 or 1, and noise, later noise alone; ``bit`` (R, B)."""

    x: Tensor
    bit: Tensor

    def to(self, device: torch.device) -> "Bits":
        """The same on a device."""
        return Bits(self.x.to(device), self.bit.to(device))

    def losses(self, outputs: Tensor) -> Tensor:
        """Each sample's own logistic loss, (R, B), of outputs (R, B, 1)."""
        return softplus(-self.bit.to(outputs) * outputs[..., 0])

    def right(self, outputs: Tensor) -> Tensor:
        """The share of samples on whose side the outputs are, (R,)."""
        return (self.bit * outputs[..., 0] > 0).double().mean(dim=1)


def draw(streams: Sequence[torch.Generator], length: int, batch: int = BATCH) -> Bits:
    """A batch for every replica, each from its own stream.

    Bengio, Simard & Frasconi 1994 ask the same of a recurrent net: to latch what it saw at the beginning.
    """
    x = torch.stack([torch.randn(length, batch, INPUTS, generator=stream) for stream in streams])
    x[:, 0, :, 0] = x[:, 0, :, 0].sign()
    return Bits(x, x[:, 0, :, 0].clone())


def layered(setting: Setting, x: Tensor) -> Tensor:
    """What the feed-forward net sees of sequences (R, T, B, I): the first input, scaled to add input_var, (R, B, I)."""
    return x[:, 0] * sqrt(setting.input_var / setting.weight_var)


def outputs(model: FeedForward | Recurrent, params: Params, setting: Setting, x: Tensor) -> Tensor:
    """The logits (R, B, 1) of sequences (R, T, B, I)."""
    if isinstance(model, FeedForward):
        return model.pre_activations(params, layered(setting, x))[-1]
    return model.outputs(params, x, 1, reference)[:, -1]


def train(model: FeedForward | Recurrent, setting: Setting) -> Iterator[Tensor]:
    """Adam on the bit, a batch of fresh samples at every update, each replica's gradient clipped to norm 1.

    The weights (R, P) after each update.
    """
    weights = torch.nn.Parameter(model.theta.clone())
    optimizer = torch.optim.Adam([weights], lr=RATE)
    streams = [generator(seed, "train") for seed in setting.seeds]
    for _ in range(setting.updates):
        bits = draw(streams, setting.length).to(setting.device)
        loss = bits.losses(outputs(model, model.params(weights), setting, bits.x)).mean(dim=1).sum()
        (gradient,) = torch.autograd.grad(loss, weights)
        weights.grad = gradient * (CLIP / gradient.norm(dim=1, keepdim=True)).clamp(max=1.0)
        optimizer.step()
        yield weights.detach()


@torch.no_grad()
def tested(model: FeedForward | Recurrent, setting: Setting) -> tuple[Tensor, Tensor]:
    """The loss and the share of right answers on fresh samples, (R,)."""
    streams = [generator(seed, "test") for seed in setting.seeds]
    bits = draw(streams, setting.length, TESTED).to(setting.device)
    found = outputs(model, model.params(), setting, bits.x)
    return bits.losses(found).mean(dim=1), bits.right(found)


def feed_forward(setting: Setting) -> FeedForward:
    """As many hidden layers as the recurrent net has steps, with the setting's weights."""
    widths = (INPUTS, *[setting.width] * setting.length, 1)
    return FeedForward.seeded(widths, setting.activation, setting.layer_init, setting.seeds).to(setting.device)


def recurrent(setting: Setting) -> Recurrent:
    """The recurrent net with the setting's weights."""
    drawn = CELLS[setting.cell], setting.cell_init
    return Recurrent.seeded(*drawn, INPUTS, setting.width, 1, setting.length, setting.seeds).to(setting.device)
