"""What a trial is, but for its seed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import UsageError
from .criteria import Criterion
from .machine import Reading, RecurrentNet, Topology, as_read
from .nets import Net
from .problems import Problem97


@dataclass(frozen=True)
class Training:
    """Learning rate, and the number of sequences after which a trial counts as unsolved.

    2a: "memory cell and input gate are added once the error has stopped decreasing" (``cell_added`` "plateau", or
    "start"). When that is the paper leaves open: here, when the mean squared error of the last ``plateau_window``
    sequences is not below that of as many before by the share ``plateau_drop``.
    """

    lr: float = field(metadata={"above": 0})
    cap: int = field(metadata={"least": 1})
    cell_added: str = field(default="start", metadata={"choices": ("start", "plateau")})
    plateau_window: int = field(default=100, metadata={"least": 1})
    plateau_drop: float = field(default=0.01, metadata={"least": 0})


@dataclass(frozen=True)
class Setup:
    """All that a trial needs beside its seed: one setting of a card under one reading, with the options given."""

    experiment: str
    setting: str
    reading: str
    options: Mapping[str, Any]
    problem: Problem97
    net: Net
    machine: Reading
    training: Training
    criterion: Criterion

    def topology(self, blocks: int | None = None) -> Topology | RecurrentNet:
        """The net as the reading has it, with another number of blocks if given."""
        return as_read(self.net.build(self.problem, blocks), self.machine)

    def check(self) -> None:
        """Raises UsageError if net, reading and criterion do not fit each other or the problem."""
        self.topology()
        if self.net.rule == "bptt" and self.machine.update == "step":
            raise UsageError("BPTT goes back from a sequence's end: take update = 'sequence'")
        if self.training.cell_added == "plateau" and (self.net.rule != "lstm" or self.net.connectivity != "B"):
            raise UsageError("cells can join a net later only if its outputs see the inputs: connectivity = 'B'")

    def as_dict(self) -> dict[str, Any]:
        """As it is stored with every trial."""
        kinds = {"problem": type(self.problem).__name__, "criterion": type(self.criterion).__name__}
        return asdict(self) | {f"{name}_kind": kind for name, kind in kinds.items()}
