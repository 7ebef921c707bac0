"""Initialisations of the recurrent cells, as functions of the cell, the sizes, the task's length and a generator."""

import re
from collections.abc import Callable
from math import sqrt

import torch
from torch import Generator, Tensor

from ..errors import UsageError, unknown
from .base import Cell, Params

Init = Callable[[Cell, int, int, int, Generator], Params]


def default(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
    """Everything from U[-1/√H, 1/√H], biases too.

    Reference: the default of ``torch.nn.RNN``, ``LSTM`` and ``GRU``; variance 1/(3H), hence a decay of about
    1/√3 = 0.577 a step in a vanilla net.
    """
    bound = hidden**-0.5
    return {
        name: torch.empty(shape).uniform_(-bound, bound, generator=generator)
        for name, shape in cell.shapes(inputs, hidden).items()
    }


def orthogonal(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
    """Every gate's recurrent block a random orthogonal matrix, biases 0, input weights as by default.

    Reference: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.
    """
    params = default(cell, inputs, hidden, length, generator)
    for block in torch.split(params["weight_hh"], hidden):
        torch.nn.init.orthogonal_(block, generator=generator)
    return _without_biases(params)


def identity(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
    """Recurrent matrix the identity, input weights N(0, 0.001²), biases 0; vanilla nets only.

    Reference: Le, Jaitly & Hinton 2015, arXiv:1504.00941 (IRNN with ``rnn_relu``). The paper writes a Gaussian
    "with standard deviation of 0.001" for the other weights.
    """
    _needs(cell, "identity", ("h",), "a vanilla cell (rnn, rnn_relu, rnn_sigmoid, rnn_identity)")
    params = default(cell, inputs, hidden, length, generator)
    params["weight_ih"].normal_(0.0, 0.001, generator=generator)
    params["weight_hh"] = torch.eye(hidden)
    return _without_biases(params)


def forget_bias(value: float) -> Init:
    """The initialisation that sets the forget gate's whole bias, b_ih + b_hh, to ``value``."""

    def init(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
        """As by default, with the forget gate's bias b_ih + b_hh set to B in forget_bias_B, any number.

        Reference: Gers, Schmidhuber & Cummins 2000; Jozefowicz, Zaremba & Sutskever 2015 (value 1).
        """
        _needs(cell, "forget_bias", ("i", "f", "g", "o"), "lstm")
        params = default(cell, inputs, hidden, length, generator)
        _set_gate_bias(cell, params, "f", torch.full((hidden,), value))
        return params

    return init


def chrono(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
    """Forget biases b_f = log U[1, T-1], input-gate biases b_i = -b_f: memories of all lengths up to the task's.

    Reference: Tallec & Ollivier 2018, arXiv:1804.11188, with T_max = the task's nominal length.
    """
    _needs(cell, "chrono", ("i", "f", "g", "o"), "lstm")
    if length < 3:
        raise UsageError(f"init 'chrono' needs a lag of at least 3 (it draws memories from U[1, T-1]), got {length}")
    params = default(cell, inputs, hidden, length, generator)
    bias = torch.empty(hidden).uniform_(1.0, length - 1.0, generator=generator).log()
    _set_gate_bias(cell, params, "f", bias)
    _set_gate_bias(cell, params, "i", -bias)
    return params


def gaussian(weight_var: float, bias_var: float, input_var: float) -> Init:
    """The initialisation by whose variances mean-field theory knows a net."""

    def init(cell: Cell, inputs: int, hidden: int, length: int, generator: Generator) -> Params:
        """In gaussian_V_B_I recurrent weights are N(0, V/H), biases N(0, B), b_hh = 0, input weights N(0, I/n_in).

        Reference: Chen, Pennington & Schoenholz 2018, arXiv:1806.05394.
        """
        deviations = {
            "weight_ih": sqrt(input_var / inputs),
            "weight_hh": sqrt(weight_var / hidden),
            "bias_ih": sqrt(bias_var),
            "bias_hh": 0.0,
        }
        shapes = cell.shapes(inputs, hidden)
        return {name: torch.randn(shape, generator=generator) * deviations[name] for name, shape in shapes.items()}

    return init


INITS: dict[str, Init] = {
    "default": default,
    "orthogonal": orthogonal,
    "identity": identity,
    "forget_bias_1": forget_bias(1.0),
    "chrono": chrono,
}
"""By name; ``forget_bias_B`` is known for every number B, and ``gaussian_V_B_I`` for all variances."""

GAUSSIAN = re.compile("gaussian" + 3 * r"_(-?\d{1,6}(?:\.\d{1,9})?)")


def canonical(name: str) -> str:
    """The one spelling of an initialisation's name. Raises UsageError for an unknown one."""
    if name in INITS:
        return name
    if GAUSSIAN.fullmatch(name):
        return "_".join(["gaussian", *(f"{variance:.9f}".rstrip("0").rstrip(".") for variance in _variances(name))])
    match = re.fullmatch(r"forget_bias_(-?\d{1,6}(?:\.\d{1,6})?)", name)
    if not match:
        raise unknown("init", name, [*INITS, "gaussian_V_B_I"])
    return f"forget_bias_{float(match[1]):g}"


def find(name: str) -> Init:
    """The initialisation of that name. Raises UsageError for an unknown one."""
    name = canonical(name)
    if GAUSSIAN.fullmatch(name):
        return gaussian(*_variances(name))
    return INITS[name] if name in INITS else forget_bias(float(name.removeprefix("forget_bias_")))


def initialise(
    name: str, cell: Cell, inputs: int, hidden: int, outputs: int, length: int, generator: Generator
) -> Params:
    """All weights of one replica: the cell's by the named initialisation, the read-out's from U[-1/√H, 1/√H].

    Shapes as in ``Cell.shapes``, plus ``readout_weight`` (O, H) and ``readout_bias`` (O,), float32 on the CPU.
    Raises UsageError if the initialisation is unknown or does not fit the cell.
    """
    params = find(name)(cell, inputs, hidden, length, generator)
    bound = hidden**-0.5
    params["readout_weight"] = torch.empty(outputs, hidden).uniform_(-bound, bound, generator=generator)
    params["readout_bias"] = torch.empty(outputs).uniform_(-bound, bound, generator=generator)
    return params


def _variances(name: str) -> tuple[float, float, float]:
    """V, B and I of gaussian_V_B_I."""
    weight, bias, inputs = (float(number) for number in name.split("_")[1:])
    if min(weight, bias, inputs) < 0:
        raise UsageError(f"init '{name}': a variance must be 0 or more")
    return weight, bias, inputs


def _needs(cell: Cell, init: str, gate_names: tuple[str, ...], fitting: str) -> None:
    if cell.gate_names != gate_names:
        raise UsageError(f"init '{init}' does not fit cell '{cell.name}': it needs {fitting}")


def _without_biases(params: Params) -> Params:
    return params | {name: torch.zeros_like(w) for name, w in params.items() if name.startswith("bias")}


def _set_gate_bias(cell: Cell, params: Params, gate: str, value: Tensor) -> None:
    hidden = len(value)
    start = cell.gate_names.index(gate) * hidden
    params["bias_ih"][start : start + hidden] = value
    params["bias_hh"][start : start + hidden] = 0.0
