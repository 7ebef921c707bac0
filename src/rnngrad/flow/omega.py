"""Pascanu's regulariser: an error that neither shrinks nor grows on its way from a step to the one before."""

from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor

from ..cells import Cell, Params
from ..engine import Tap
from .scaled import Scaled

BLOCK = 32
"""Steps whose Jacobians are in memory at once."""


@dataclass(frozen=True)
class Form:
    """How a step's growth q = ‖δ_t J_t‖/‖δ_t‖ counts: as (q^power - 1)², where ln‖δ_t‖ is at least ``least``."""

    power: int
    least: float

    def counted(self, log_norms: Tensor) -> Tensor:
        """Which terms there are: those of ‖δ_t‖ large enough, and never one of 0."""
        return (log_norms >= self.least) & (log_norms > -inf)

    def terms(self, log_growth: Tensor) -> Tensor:
        """(q^power - 1)², from ln q."""
        return torch.expm1(self.power * log_growth).square()

    def slopes(self, growth: Tensor) -> Tensor:
        """d term/dv over v, for q = |v|: 2 power (q^power - 1) q^(power - 2); 0 at q = 0."""
        excess = 2 * self.power * (growth**self.power - 1)
        return torch.where(growth > 0, excess * growth ** (self.power - 2), 0.0)


FORMS = {"norms": Form(1, -inf), "squares": Form(2, 0.5 * log(1e-20))}
"""``norms``: eq. 9 of Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, the ratio of norms, at every step.
``squares``: eq. 10 and the authors' released code, the ratio of squared norms, without terms of ‖δ_t‖² under 1e-20."""


@dataclass(frozen=True)
class Omega:
    """Ω = mean of (q^p - 1)² over steps t = 1 … T and samples, q = ‖δ_t J_t‖/‖δ_t‖, times ``strength`` in the loss.

    δ_t = ∂L/∂s_t is the total gradient of the training loss L, its mean over the batch, so that the 1e-20 of the form
    ``squares`` counts the 1/B; the state is whole, (h, c) for an LSTM. As in the authors' code the mean is over the
    terms that count, where eq. 9 sums over steps: a strength means the same at every length.

    Its gradient is the immediate one, ∂⁺Ω/∂W_hh, as in their code: J_t = Σ diag(slopes) W_hh + diag(direct) is
    differentiated where W_hh stands in it, and δ_t, the states and with them the units' slopes are taken as constants.
    So no other weight hears of Ω, and no second backward pass is needed. For gated cells, which the paper does not
    treat, the same is done with every gate's slope. Beyond float32's range the adjoints of an engine with unlimited
    norms still count in the form ``norms``; those of the reference engine underflow there, and are left out.
    """

    strength: float
    form: str

    def gradient(self, cell: Cell, params: Params, x: Tensor, tap: Tap) -> Tensor:
        """strength · ∂⁺Ω/∂W_hh of every replica, (R, G·H, H).

        params, x (R, T, B, I): of the pass that the tap, with ``whole=True``, has heard.
        """
        params = {name: weight.detach() for name, weight in params.items()}
        total = torch.zeros_like(params["weight_hh"])
        count = total.new_zeros(len(total), 1, 1)
        for begin in range(0, x.shape[1], BLOCK):
            steps = slice(begin, begin + BLOCK)
            adjoints = Scaled.normal(tap.adjoints[:, steps], log(2.0) * tap.powers[:, steps].double())
            a = cell.project(params, x[:, steps])
            own, counted = self._of_block(cell, params, a, tap.states[:, steps], adjoints)
            total, count = total + own, count + counted
        return self.strength / count.clamp(min=1) * total

    def _of_block(
        self, cell: Cell, params: Params, a: Tensor, states: Tensor, adjoints: Scaled
    ) -> tuple[Tensor, Tensor]:
        """The sum of the terms' gradients, (R, G·H, H), and their number, (R, 1, 1)."""
        linear = cell.linearise(params, a.flatten(1, 2), states.flatten(1, 2))
        units, counted = adjoints.vectors.flatten(1, 2), FORMS[self.form].counted(adjoints.logs).flatten(1)
        before = linear.back(units)
        growth = torch.linalg.vector_norm(before, dim=-1)
        by_h = before[..., : params["weight_hh"].shape[-1]]
        pull = torch.where(counted, FORMS[self.form].slopes(growth), 0.0).unsqueeze(-1) * by_h
        number = counted.sum(dim=1).to(pull.dtype)[:, None, None]
        return torch.bmm(linear.onto_weights(units).mT, pull), number
