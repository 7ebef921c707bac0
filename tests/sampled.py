"""What tests of problems share: batches, their codes, and the problem's own loss and score of given outputs."""

from math import sqrt

import numpy as np
import torch


def make(cls, protocol, extra=0):
    """The problem at its least lag and so many steps more."""
    return cls(protocol, cls.protocols[protocol] + extra)


def draw(problem, batch=200, seed=0, length=None):
    """Inputs and targets of one batch, of the shortest length if none is given."""
    generator = torch.Generator().manual_seed(seed)
    return problem.sample(problem.lengths[0] if length is None else length, batch, generator)


def codes_of(x):
    """The codes (T, B) of one-hot inputs."""
    codes = x.argmax(dim=-1).numpy()
    np.testing.assert_array_equal(x, np.eye(x.shape[-1])[codes])
    return codes


def assert_mean(samples, expected):
    """Independent samples agree with the expected mean within 4.5 of their standard errors."""
    samples = np.asarray(samples, dtype=np.float64).ravel()
    assert abs(samples.mean() - expected) < 4.5 * samples.std() / sqrt(len(samples))


def squared(problem, prediction, target):
    """The problem's own loss of each sample at a predicted number."""
    output = torch.as_tensor(prediction, dtype=torch.float64).expand(target.shape[-1])[None, :, None]
    return problem.last_step_loss(output, target.double()[None])[0].numpy()


def surprise(problem, logits, target):
    """The problem's own loss of one batch at predicted logits (K, B, O) or (B, O) of the last step."""
    outputs = torch.as_tensor(logits, dtype=torch.float64)
    return problem.loss((outputs if outputs.ndim == 3 else outputs[None])[None], target[None]).item()


def accuracy(problem, outputs, target):
    """The problem's own score of outputs (K, B, O)."""
    return problem.scores(torch.as_tensor(outputs)[None], target[None])["accuracy"].item()
