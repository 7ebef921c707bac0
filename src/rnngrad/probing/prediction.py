"""What theory predicts for the gradient of a net, from its weights and from how large its inputs are."""

from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..cells import Cell, Params
from ..errors import UsageError
from ..flow.bounds import ACTIVATIONS, gate_rows
from ..flow.chain import Chain
from ..flow.rate import fitted_rate
from ..flow.recurrent import RecurrentChain, hidden_of
from ..store import Row
from ..theory import gate_path_log_rms, mean_field

ONE_PERCENT = log(0.01)


def prediction(chain: Chain) -> Row | None:
    """For the last layer of a chain of known cells, whose gradient comes from no other layer; None for other chains.

    ``theory`` "mean_field", of conventional units: √χ_1 per step of random weights with the variances about zero that
    this layer's have: ``weight_var`` = H mean W_hh², ``bias_var`` of both biases added up, ``input_var`` of what its
    inputs give on the chain's own data, W_ih x_t. "gate_path", of an LSTM or GRU: the path from c to c, or from h to h,
    through gates held at their biases, which is exact without recurrent weights.

    ``log_by_lag``: relative to lag 0; ``log_per_step``: its slope over the lags that a rate is fitted to; ``horizon``:
    its first lag under 1 %. Where theory has no answer, ``note`` says why and the rest is None.
    """
    if not isinstance(chain, RecurrentChain):
        return None
    cell, params = chain.layers[-1]
    lags = np.arange(chain.length)
    if cell.name in ACTIVATIONS:
        found, curve = _mean_field(cell, params, _inputs(chain), lags)
    else:
        bias = (params["bias_ih"] + params["bias_hh"])[0, gate_rows(cell.name, hidden_of(params))]
        found, curve = {"theory": "gate_path", "note": ""}, gate_path_log_rms(bias.cpu().numpy(), lags)
    return {"layer": len(chain.layers) - 1, **found, **_read(curve)}


def _mean_field(
    cell: Cell, params: Params, inputs: Tensor, lags: NDArray[np.int64]
) -> tuple[Row, NDArray[np.float64] | None]:
    """What is known of the fixed point, and the curve by lag."""
    variances = {
        "weight_var": hidden_of(params) * _mean_square(params["weight_hh"]),
        "bias_var": _mean_square(params["bias_ih"] + params["bias_hh"]),
        "input_var": _mean_square(inputs @ params["weight_ih"][0].T),
    }
    try:
        known = mean_field(ACTIVATIONS[cell.name], **variances)
    except UsageError as error:
        return {"theory": "mean_field", **variances, "q_star": None, "chi_1": None, "note": str(error)}, None
    found = {"theory": "mean_field", **variances, "q_star": known.q_star, "chi_1": known.chi_1, "note": known.note}
    return found, np.asarray(lags * known.log_gradient_factor, dtype=np.float64)


def _inputs(chain: RecurrentChain) -> Tensor:
    """What the last layer reads at every step, (T, B, I): x, or the h of the layer below."""
    if len(chain.layers) == 1:
        return chain.x
    below = next(part for part in chain.parts if (part.layer, part.name) == (len(chain.layers) - 2, "h"))
    return torch.stack([state[:, below.begin : below.end] for state in chain.states[1:]])


def _mean_square(values: Tensor) -> float:
    return float(values.square().mean())


def _read(curve: NDArray[np.float64] | None) -> Row:
    """Slope and horizon of a curve by lag, as they are read from a measured one."""
    if curve is None:
        return {"log_per_step": None, "horizon": None, "log_by_lag": None}
    rate = fitted_rate(curve[:, None], seed=0)
    under = np.flatnonzero(curve < ONE_PERCENT)
    return {
        "log_per_step": None if rate is None else rate.log_per_step,
        "horizon": int(under[0]) if len(under) else None,
        "log_by_lag": curve.tolist(),
    }
