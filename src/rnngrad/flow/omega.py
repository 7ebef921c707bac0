"""Pascanu's regulariser: an error that neither shrinks nor grows on its way from a step to the one before."""

from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor

from ..cells import Cell, Linear, Params
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
    treat, the same is done with every gate's slope. In the form ``norms`` the adjoints of an engine with unlimited
    norms count at every lag; those of the reference engine end where float32 does.
    """

    strength: float
    form: str

    def bytes(self, cell: Cell, replicas: int, steps: int, batch: int, hidden: int) -> int:
        """What it takes beside an update: states and adjoints of all steps, and a block's Jacobians."""
        width = cell.state_width(hidden)
        block = min(BLOCK, steps) * (4 * cell.gates + 8) * width
        return 4 * batch * (2 * replicas * steps * width + block)

    def gradient(self, cell: Cell, params: Params, x: Tensor, tap: Tap) -> Tensor:
        """strength · ∂⁺Ω/∂W_hh of every replica, (R, G·H, H).

        params, x (R, T, B, I): of the pass that the tap, with ``whole=True``, has heard. One replica at a time: in a
        product of several a replica's last bits would depend on how many others there are.
        """
        weights = {name: weight.detach() for name, weight in params.items()}
        return torch.cat([self._of_replica(cell, weights, x, tap, slice(r, r + 1)) for r in range(len(x))])

    def _of_replica(self, cell: Cell, params: Params, x: Tensor, tap: Tap, own: slice) -> Tensor:
        params = {name: weight[own] for name, weight in params.items()}
        total = torch.zeros_like(params["weight_hh"])
        count = total.new_zeros(())
        for begin in range(0, x.shape[1], BLOCK):
            steps = slice(begin, begin + BLOCK)
            adjoints = Scaled.normal(tap.adjoints[own, steps].double(), log(2.0) * tap.powers[own, steps])
            a = cell.project(params, x[own, steps]).flatten(1, 2)
            linear = cell.linearise(params, a, tap.states[own, steps].flatten(1, 2))
            found, counted = self._of_block(linear, adjoints)
            total, count = total + found, count + counted
        return total * (self.strength / count.clamp(min=1))

    def _of_block(self, linear: Linear, adjoints: Scaled) -> tuple[Tensor, Tensor]:
        """The sum of the terms' gradients, (1, G·H, H), and how many they are."""
        form, units = FORMS[self.form], adjoints.vectors.flatten(1, 2).to(linear.weight.dtype)
        counted = form.counted(adjoints.logs).flatten(1)
        onto = linear.onto_weights(units)
        before = linear.back(units, onto)
        slopes = torch.where(counted, form.slopes(torch.linalg.vector_norm(before, dim=-1)), 0.0)
        by_h = before[..., : linear.weight.shape[-1]]
        return torch.bmm(onto.mT, slopes.unsqueeze(-1) * by_h), counted.sum()
