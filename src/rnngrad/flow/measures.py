"""What else is measured of a net while it trains: its weights' spectra, and the state of its units on a probe batch."""

from collections.abc import Iterator
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cells import Cell, Params
from ..engine import Engine
from ..models import Recurrent
from .adjoint import SampleLosses, gradient, heard, hears, unroll_states
from .omega import BLOCK
from .profile import rounded
from .recurrent import hidden_of
from .scaled import Scaled
from .tallies import TALLIES, Block

Measures = dict[str, float | str | None]
"""By name, ready for JSON: -inf as "-inf", what is not a number as None."""


def take_measures(
    model: Recurrent, x: Tensor, last_step_loss: SampleLosses, engine: Engine, scale: float
) -> list[Measures]:
    """The measures of every replica at its present weights, from samples x (R, T, B, I), by these names:

    ``rho_G``, ``sigma_max_G``: spectral radius and largest singular value of the H × H block of W_hh of each gate G.
    ``omega_norms``, ``omega_squares``, ``saturated_G``, ``exponent``, ``direct_over_total`` and, for gated cells,
    ``path_over_total``: as the classes of :mod:`rnngrad.flow.tallies` say, from the loss of the last step.

    last_step_loss: as in :func:`~rnngrad.flow.measure_flow`; scale: the factor of a sample's loss in the loss of
    training, 1/B. Works on a float64 copy in log space and disturbs neither the model nor any random state. A replica
    whose weights or states are not finite has None for every measure.
    """
    model, x = model.to(torch.float64), x.double()
    params = model.params()
    tallies = [tally() for tally in TALLIES]
    sound = params["weight_hh"].isfinite().all(dim=(1, 2))
    for block in _blocks(model, params, x, last_step_loss, engine, log(scale)):
        sound &= block.states.isfinite().all(dim=(1, 2, 3)) & block.adjoints.vectors.isfinite().all(dim=(1, 2, 3))
        for tally in tallies:
            tally.add(block)
    found = _spectra(model.cell, params["weight_hh"], sound)
    for tally in tallies:
        found |= tally.result()
    columns = {name: rounded(torch.where(sound, values, torch.nan)) for name, values in found.items()}
    return [{name: column[k] for name, column in columns.items()} for k in range(len(x))]


@torch.no_grad()
def _blocks(
    model: Recurrent, params: Params, x: Tensor, last_step_loss: SampleLosses, engine: Engine, log_scale: float
) -> Iterator[Block]:
    states, adjoints = _passes(model, params, x, last_step_loss, engine)
    for begin in range(0, x.shape[1], BLOCK):
        steps = slice(begin, begin + BLOCK)
        a = model.cell.project(params, x[:, steps]).flatten(1, 2)
        before = states[:, steps].flatten(1, 2)
        yield Block(
            begin=begin,
            length=x.shape[1],
            states=states[:, steps],
            adjoints=Scaled(adjoints.vectors[:, steps], adjoints.logs[:, steps]),
            linear=model.cell.linearise(params, a, before),
            log_scale=log_scale,
        )


def _passes(
    model: Recurrent, params: Params, x: Tensor, last_step_loss: SampleLosses, engine: Engine
) -> tuple[Tensor, Scaled]:
    """s_0 … s_{T-1} and δ_1 … δ_T, in log space: the engine's own if it has them so, else step by step."""
    cell, hidden = model.cell, hidden_of(params)

    def total(h: Tensor) -> Tensor:
        return last_step_loss(model.read_out(params, h.unsqueeze(1))[:, 0]).sum()

    if hears(engine, cell, x):
        start = x.new_zeros(len(x), x.shape[2], cell.state_width(hidden))
        tap = heard(engine, cell, params, x, start, total, whole=True)
        return tap.states, Scaled.normal(tap.adjoints, log(2.0) * tap.powers)
    a = cell.project(params, x)
    states = unroll_states(cell, params, a)
    last = gradient(lambda state: total(state[..., :hidden]), states[-1])
    adjoints = [Scaled.normal(last, last.new_zeros(last.shape[:-1]))]
    for t in range(x.shape[1] - 1, 0, -1):
        linear = cell.linearise(params, a[:, t], states[t])
        adjoints.append(Scaled.normal(linear.back(adjoints[-1].vectors), adjoints[-1].logs))
    vectors, logs = zip(*reversed(adjoints), strict=True)
    return torch.stack(list(states[:-1]), dim=1), Scaled(torch.stack(vectors, dim=1), torch.stack(logs, dim=1))


def _spectra(cell: Cell, weight: Tensor, sound: Tensor) -> dict[str, Tensor]:
    """ρ and σ_max of every gate's block, each (R,)."""
    usable = (
        torch.where(sound[:, None, None], weight, 0.0).view(len(weight), cell.gates, -1, weight.shape[2]).cpu().numpy()
    )
    radii = np.abs(np.linalg.eigvals(usable)).max(axis=-1)
    largest = np.linalg.norm(usable, 2, axis=(-2, -1))
    named: dict[str, Any] = {}
    for k, gate in enumerate(cell.gate_names):
        named |= {f"rho_{gate}": radii[:, k], f"sigma_max_{gate}": largest[:, k]}
    return {name: torch.as_tensor(values, device=weight.device) for name, values in named.items()}
