"""Rates of decay, seed by seed, and the numbers of the weights that they are to be compared with."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import torch
from torch import Tensor

from ..cells import CELLS
from ..flow.bounds import ACTIVATIONS
from ..flow.norms import Norms
from ..flow.rate import fitted_rate
from ..side_by_side import Row
from ..streams import generator
from ..theory import error_flow_bounds, largest_singular_value, mean_field
from .bit import Bits, draw, recurrent
from .over_time import Unrolled, mean_slopes, redrawn, tied, time_norms
from .setting import Setting


def probe(setting: Setting) -> Bits:
    """The samples on which the gradient is measured, the same in all nets, in float64."""
    bits = draw([generator(seed, "probe") for seed in setting.seeds], setting.length)
    return bits._replace(x=bits.x.double()).to(setting.device)


def log_rates(norms: Norms, seeds: tuple[int, ...]) -> list[float | None]:
    """Log decay per step of each replica, fitted without the first and the last tenth of the lags."""
    fits = [fitted_rate(norms.per_sample[:, k, :, 0].cpu().numpy(), seed) for k, seed in enumerate(seeds)]
    return [None if fit is None else fit.log_per_step for fit in fits]


def width_rows(setting: Setting, width: int) -> list[Row]:
    """At one width, per seed: the rates with tied and with redrawn weights, and the numbers of the tied weights.

    ``log_radius``: ln ρ(W); ``log_sigma_max``: ln of the largest singular value; ``log_jacobian_radius``: ln ρ(D W)
    with D the mean slopes φ', the spectral radius of a mean step.
    """
    own = replace(setting, width=width)
    model, bits = recurrent(own), probe(own)
    net = tied(model)
    slopes = mean_slopes(net, bits.x)
    tied_rates = log_rates(time_norms(net, bits), own.seeds)
    free_rates = log_rates(time_norms(redrawn(own, width), bits), own.seeds)
    return [
        {
            "event": "rate",
            "width": width,
            "seed": seed,
            "tied": tied_rates[k],
            "redrawn": free_rates[k],
            **_of_weights(net, k, slopes[k]),
        }
        for k, seed in enumerate(own.seeds)
    ]


def _of_weights(net: Unrolled, replica: int, slopes: Tensor) -> dict[str, float]:
    weight = net.weights(1)["weight_hh"][replica].cpu()
    return {
        "log_radius": _log_radius(weight),
        "log_jacobian_radius": _log_radius(slopes.cpu().unsqueeze(1) * weight),
        "log_sigma_max": float(torch.linalg.matrix_norm(weight, 2).log()),
    }


def _log_radius(matrix: Tensor) -> float:
    return float(torch.linalg.eigvals(matrix).abs().max().log())


def theory_rows(setting: Setting) -> list[Row]:
    """√χ_1 of both kinds of net, the limits of the matrix, and the ceilings at the width of the figure.

    Ceilings are those of the tied weights, as medians over seeds; ``log_factor`` is per step, all logs natural.
    """
    variances = {"weight_var": setting.weight_var, "bias_var": setting.bias_var}
    depth, time = (mean_field(setting.activation, **variances, input_var=v) for v in (0.0, setting.input_var))
    sigma = sqrt(setting.weight_var)
    found = {
        "sqrt_chi_1 over depth": depth.log_gradient_factor,
        "sqrt_chi_1 over time": time.log_gradient_factor,
        "spectral radius, limit": log(sigma),
        "largest singular value, limit": log(largest_singular_value(sigma)),
    }
    rows = [
        {"event": "theory", "name": name, "log_factor": value, "log_prefactor": 0.0} for name, value in found.items()
    ]
    return rows + [{"event": "ceiling", **ceiling} for ceiling in _ceilings(setting)]


def _ceilings(setting: Setting) -> list[Row]:
    params = recurrent(setting).to(torch.device("cpu")).to(torch.float64).params()
    biases = (params["bias_ih"] + params["bias_hh"]).numpy()
    found: dict[str, list[tuple[float, float, bool]]] = {}
    for weight, bias in zip(params["weight_hh"].numpy(), biases, strict=True):
        for bound in error_flow_bounds(weight, bias, ACTIVATIONS[CELLS[setting.cell].name]):
            if bound.kind == "ceiling" and bound.name != "pascanu_exploding" and bound.log_factor is not None:
                found.setdefault(bound.name, []).append((bound.log_factor, bound.log_prefactor, bound.vacuous))
    rows = []
    for name, own in found.items():
        factors, prefactors, vacuous = zip(*own, strict=True)
        medians = {"log_factor": float(np.median(factors)), "log_prefactor": float(np.median(prefactors))}
        rows.append({"name": name, **medians, "vacuous": sum(vacuous), "of": len(vacuous)})
    return rows
