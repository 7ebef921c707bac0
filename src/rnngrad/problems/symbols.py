"""What problems of symbols share: codes as inputs, and the loss of a prediction."""

import torch
from torch import Tensor
from torch.nn import functional


def one_hot(codes: Tensor, width: int) -> Tensor:
    """Codes (T, B) below ``width`` as inputs (T, B, width), float32."""
    inputs = torch.zeros(*codes.shape, width, device=codes.device)
    return inputs.scatter_(2, codes.unsqueeze(-1), 1.0)


def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
    """Of each single prediction, in nats: outputs (…, O) are logits, target (…) the right codes; returns (…)."""
    losses = functional.cross_entropy(outputs.flatten(0, -2), target.flatten(), reduction="none")
    return losses.view(target.shape)
