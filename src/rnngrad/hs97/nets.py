"""A card's [net], in the terms of the paper's table 10."""

from dataclasses import dataclass, field

from ..errors import UsageError
from .machine import RecurrentNet, Topology
from .problems import Problem97

BIASES = {
    "none": (False, False, False),
    "gates": (True, False, False),
    "hidden": (True, True, False),
    "all": (True, True, True),
}
"""Table 10's codes none, ga, b1 and all: have gates, cells and outputs a bias?"""
RULES = ("lstm", "rtrl", "bptt")


@dataclass(frozen=True)
class Net:
    """Blocks of cells, or the recurrent net of experiment 2a's competitors, to which ``init`` alone applies.

    ``connectivity`` F: cells and gates see inputs, cells and gates, the outputs see cells; B: each layer sees all
    layers below; I, which table 10 does not have: cells and gates see the inputs alone, the outputs cells. Gate biases:
    where they start, one per block; an empty list: drawn like all weights. ``g``, ``h``: the range of the logistic; an
    empty ``h`` is the identity.
    """

    rule: str = field(default="lstm", metadata={"choices": RULES})
    blocks: int = field(default=1, metadata={"least": 1})
    size: int = field(default=1, metadata={"least": 1})
    input_gates: bool = True
    output_gates: bool = True
    connectivity: str = field(default="F", metadata={"choices": ("F", "B", "I")})
    bias: str = field(default="none", metadata={"choices": BIASES})
    input_gate_biases: tuple[float, ...] = ()
    output_gate_biases: tuple[float, ...] = ()
    init: float = field(default=0.1, metadata={"above": 0})
    g: tuple[float, ...] = (-2.0, 2.0)
    h: tuple[float, ...] = (-1.0, 1.0)

    def __post_init__(self) -> None:
        for name, range_, lengths in (("g", self.g, (2,)), ("h", self.h, (0, 2))):
            if len(range_) not in lengths or list(range_) != sorted(set(range_)):
                raise UsageError(f"'{name}': expected [low, high], got {list(range_)}")

    def build(self, problem: Problem97, blocks: int | None = None) -> Topology | RecurrentNet:
        """The net for the problem, with another number of blocks if given. Raises UsageError if it is impossible."""
        if self.rule != "lstm":
            return RecurrentNet(problem.inputs, problem.outputs, self.rule, self.init)
        gate_bias, cell_bias, output_bias = BIASES[self.bias]
        return Topology(
            problem.inputs,
            problem.outputs,
            self.blocks if blocks is None else blocks,
            self.size,
            input_gates=self.input_gates,
            output_gates=self.output_gates,
            recurrent=self.connectivity == "F",
            direct=self.connectivity == "B",
            gate_bias=gate_bias,
            cell_bias=cell_bias,
            output_bias=output_bias,
            input_gate_biases=self.input_gate_biases or None,
            output_gate_biases=self.output_gate_biases or None,
            init=self.init,
            g=(self.g[0], self.g[1]),
            h=(self.h[0], self.h[1]) if self.h else None,
        )
