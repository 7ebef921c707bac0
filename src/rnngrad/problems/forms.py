"""The forms that a problem's questions have: a class or a number at the last step, or a symbol at every step."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from .base import Problem
from .symbols import cross_entropy


class AtTheEnd(Problem):
    """One question, at the last step."""

    def scored_steps(self, length: int) -> int:
        return 1

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.last_step_loss(outputs[:, -1], target).mean(dim=1)


class LastClass(AtTheEnd):
    """A class at the last step, by a softmax over the outputs.

    Loss: cross entropy. Score: ``accuracy``, the share of sequences whose largest output is the right one.
    """

    loss_name: ClassVar[str] = "cross entropy"
    score_names: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"accuracy": (outputs[:, -1].argmax(dim=-1) == target).float().mean(dim=1)}

    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(output, target)


class LastNumber(AtTheEnd):
    """A real number at the last step.

    Loss: squared error. Score: ``accuracy``, the share of sequences whose absolute error is below ``tolerance``.
    """

    outputs: ClassVar[int] = 1
    loss_name: ClassVar[str] = "mean squared error"
    score_names: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    @property
    @abstractmethod
    def tolerance(self) -> float:
        """An answer with a smaller absolute error counts as right."""

    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        right = (outputs[:, -1, :, 0] - target).abs() < self.tolerance
        return {"accuracy": right.float().mean(dim=1)}

    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output.squeeze(-1) - target).square()


class EverySymbol(Problem):
    """A symbol at every step, by a softmax over the outputs. Loss: cross entropy averaged over all steps."""

    loss_name: ClassVar[str] = "cross entropy"

    def scored_steps(self, length: int) -> int:
        return length

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(outputs, target).flatten(1).mean(dim=1)

    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(output, target[:, -1])
