"""Measures of a trajectory, taken block by block in the order of time. To add one: a class, and its name in TALLIES."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..cells import Linear
from .omega import FORMS
from .scaled import Scaled

FLAT = 0.1
"""A unit is saturated where its slope is under this share of the largest: |tanh| > 0.949, a gate σ < 0.026 or > 0.974;
a ReLU where it is off."""

RESCALED = 8
"""Steps between two rescalings of a tangent: no step changes it by more than 1e±38."""


@dataclass(frozen=True)
class Block:
    """Steps t = begin + 1 … of all ``length``, linearised at the samples' own states.

    states: (R, n, B, S), those that the steps start from; adjoints: δ_t of each sample's own last-step loss, (R, n, B,
    S); linear: their Jacobians, N = n·B; log_scale: ln of the factor that a sample's loss has in the loss of training.
    """

    begin: int
    length: int
    states: Tensor
    adjoints: Scaled
    linear: Linear
    log_scale: float

    def steps(self) -> list[Linear]:
        """The Jacobians step by step, N = B."""
        return self.linear.split(self.states.shape[2])


class Tally(Protocol):
    """Takes blocks and gives one number per replica for each name."""

    def add(self, block: Block) -> None:
        """The next block."""

    def result(self) -> dict[str, Tensor]:
        """The measures by name, each (R,)."""


class Saturation:
    """``saturated_G``: the share of units, steps and samples at which the squashing function G is flat, see FLAT."""

    def __init__(self) -> None:
        self.flat: dict[str, Tensor] = {}
        self.seen = 0

    def add(self, block: Block) -> None:
        """See :class:`Tally`."""
        for name, steepness in block.linear.steepness.items():
            self.flat[name] = self.flat.get(name, 0) + (steepness < FLAT).sum(dim=(1, 2))
        self.seen += steepness[0].numel()

    def result(self) -> dict[str, Tensor]:
        """See :class:`Tally`."""
        return {f"saturated_{name}": flat.double() / self.seen for name, flat in self.flat.items()}


class Growth:
    """``omega_norms``, ``omega_squares``: Pascanu's Ω of the last step's loss, in both forms of
    :class:`~rnngrad.flow.omega.Omega`. With no loss before the last step δ_t J_t is δ_{t-1}, whose norm is there."""

    def __init__(self) -> None:
        self.log_norms: list[Tensor] = []

    def add(self, block: Block) -> None:
        """See :class:`Tally`."""
        logs = block.adjoints.logs + block.log_scale
        if block.begin == 0:
            first = torch.linalg.vector_norm(block.steps()[0].back(block.adjoints.vectors[:, 0]), dim=-1)
            self.log_norms.append((first.log() + logs[:, 0]).unsqueeze(1))
        self.log_norms.append(logs)

    def result(self) -> dict[str, Tensor]:
        """See :class:`Tally`. NaN where no term counts."""
        log_norms = torch.cat(self.log_norms, dim=1)
        before, after = log_norms[:, :-1], log_norms[:, 1:]
        found = {}
        for name, form in FORMS.items():
            counted = form.counted(after)
            terms = torch.where(counted, form.terms(before - after), 0.0)
            found[f"omega_{name}"] = terms.sum(dim=(1, 2)) / counted.sum(dim=(1, 2))
        return found


class Exponent:
    """``exponent``: the top finite-time exponent, ln‖J(T←1) v‖ / (T - 1), the mean over samples.

    v is the direction of δ_1 = J(T←1)ᵀ δ_T, which the way back has turned towards the leading singular vector as one
    half of a power iteration does; this is the other half. It is never above ln σ_1(J(T←1)) / (T - 1), equal to it
    where σ_2 ≪ σ_1, and else short of it by a few tenths over T - 1, which is why it costs one sweep and not many;
    :func:`~rnngrad.flow.long_jacobian.long_jacobian` has the exact one. Samples with δ_1 = 0 have no direction; NaN if
    all are such.
    """

    def __init__(self) -> None:
        self.tangent = self.logs = torch.zeros(())
        self.steps = 0

    def add(self, block: Block) -> None:
        """See :class:`Tally`."""
        if block.begin == 0:
            self.tangent = block.adjoints.vectors[:, 0]
            self.logs = torch.where(self.tangent.any(dim=-1), 0.0, torch.nan)
        for step in block.steps()[1 if block.begin == 0 else 0 :]:
            self.tangent = step.forth(self.tangent)
            self.steps += 1
            if self.steps % RESCALED == 0:
                self._rescale()

    def result(self) -> dict[str, Tensor]:
        """See :class:`Tally`."""
        self._rescale()
        return {"exponent": (self.logs / self.steps).nanmean(dim=1)}

    def _rescale(self) -> None:
        norms = torch.linalg.vector_norm(self.tangent, dim=-1)
        self.logs = self.logs + norms.log()
        self.tangent = self.tangent / torch.where(norms == 0, 1.0, norms).unsqueeze(-1)


class WeightGradient:
    """``direct_over_total``: ln of ‖∂⁺L/∂W_hh‖ over ‖dL/dW_hh‖, L the samples' mean loss of the last step.

    Direct is the immediate derivative ∂⁺ of Pascanu et al. 2013, by the last step's own use of W_hh with h_{T-1} held
    fixed; total has all steps' uses of it, through time. 0: all that the net learns from is the last step.
    """

    def __init__(self) -> None:
        self.total = self.direct = self.log_unit = torch.zeros(())

    def add(self, block: Block) -> None:
        """See :class:`Tally`. In units of the largest adjoint so far: what underflows beside it adds nothing."""
        logs = block.adjoints.logs
        largest = logs.amax(dim=(1, 2))
        log_unit = torch.where(largest.isfinite(), largest, 0.0)
        if block.begin:
            log_unit = torch.maximum(log_unit, self.log_unit)
            self.total = self.total * (self.log_unit - log_unit).exp()[:, None, None]
        self.log_unit = log_unit
        weights = (logs - log_unit[:, None, None]).exp().unsqueeze(-1)
        onto = block.linear.onto_weights((block.adjoints.vectors * weights).flatten(1, 2))
        h = block.states[..., : block.linear.weight.shape[-1]].flatten(1, 2)
        self.total = self.total + torch.bmm(onto.mT, h)
        batch = block.states.shape[2]
        self.direct = torch.bmm(onto[:, -batch:].mT, h[:, -batch:])

    def result(self) -> dict[str, Tensor]:
        """See :class:`Tally`. NaN where there is no gradient at all."""
        direct, total = (torch.linalg.matrix_norm(gradient) for gradient in (self.direct, self.total))
        return {"direct_over_total": direct.log() - total.log()}


class GatePath:
    """``path_over_total``: ln of the root mean square over samples of ‖δ_1‖ by the gates' path alone, over that of all.

    The path is the one that hands the state on without the recurrent weights: the LSTM's carousel, ∏ f_t from c_T,
    where h_T stands for the last step, to c_1 (all that the truncated gradient of Hochreiter & Schmidhuber 1997 lets
    through); the GRU's leak, ∏ z_t. Far below 0: what arrives came through the weights.
    """

    def __init__(self) -> None:
        self.log_gates = self.log_path = self.log_total = torch.zeros(())
        self.gated = False

    def add(self, block: Block) -> None:
        """See :class:`Tally`."""
        if block.linear.direct is None:
            return
        self.gated = True
        replicas, steps, batch, _ = block.states.shape
        if block.begin == 0:
            self.log_total = block.adjoints.logs[:, 0]
        last = block.begin + steps == block.length
        gates = block.linear.direct[:, :, -1].reshape(replicas, steps, batch, -1).log()
        inner = gates[:, 1 if block.begin == 0 else 0 : steps - 1 if last else steps]
        self.log_gates = self.log_gates + inner.sum(dim=1)
        if last:
            adjoint, log_norm = block.adjoints.vectors[:, -1], block.adjoints.logs[:, -1]
            entry = block.steps()[-1].past_weights(adjoint)
            self.log_path = entry.abs().log() + log_norm.unsqueeze(-1)

    def result(self) -> dict[str, Tensor]:
        """See :class:`Tally`. Nothing for a cell without such a path."""
        if not self.gated:
            return {}
        path = 0.5 * (2 * (self.log_path + self.log_gates)).logsumexp(dim=(1, 2))
        return {"path_over_total": path - 0.5 * (2 * self.log_total).logsumexp(dim=1)}


TALLIES: tuple[type[Tally], ...] = (Saturation, Growth, Exponent, WeightGradient, GatePath)
"""All of them."""
