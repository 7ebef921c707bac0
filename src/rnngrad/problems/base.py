"""What a problem is: a pure generator of sequences with a loss, scores and baselines in closed form."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from ..errors import UsageError, unknown


@dataclass(frozen=True)
class Problem(ABC):
    """A synthetic long-lag problem under one named protocol.

    Letters: R replica, T steps of the sequence, B batch, I input width, O output width, K scored steps.
    ``lag`` is the nominal length, as papers use the word; a sequence may be longer (see ``lengths``).

    Raises UsageError for a protocol that the problem does not have or a lag that the protocol cannot hold.
    """

    protocol: str
    lag: int

    name: ClassVar[str]
    protocols: ClassVar[dict[str, int]]
    """The protocols, each with the least lag for which it is defined; the first is the default."""
    loss_name: ClassVar[str]
    score_names: ClassVar[tuple[str, ...]] = ("loss",)
    """What a test reports: the loss, and what ``scores`` gives beside it."""

    def __post_init__(self) -> None:
        if self.protocol not in self.protocols:
            raise UsageError(f"problem '{self.name}': {unknown('protocol', self.protocol, self.protocols)}")
        least = self.protocols[self.protocol]
        if self.lag < least:
            raise UsageError(
                f"lag {self.lag} is too short: problem '{self.name}', protocol '{self.protocol}' needs at least {least}"
            )

    @property
    @abstractmethod
    def inputs(self) -> int:
        """I, the width of an input."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """O, the width of an output."""

    @property
    @abstractmethod
    def lengths(self) -> range:
        """The lengths T that a batch may have; one is drawn uniformly per batch."""

    @property
    @abstractmethod
    def minimal_lags(self) -> tuple[int, ...]:
        """For each item that must be remembered, in order: the steps that it is guaranteed to lie before its use."""

    @property
    @abstractmethod
    def baselines(self) -> dict[str, float]:
        """Expected test loss of predictors that remember less than the problem asks for, by name, worst first."""

    @abstractmethod
    def scored_steps(self, length: int) -> int:
        """K, how many of the last steps the training loss reads."""

    @abstractmethod
    def sample(self, length: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """One batch on the generator's device: inputs (T, B, I) float32 and targets, (B,) or (T, B).

        Where what is taught is not what is right, as with noise on the targets, (2, B) holds the one above the other.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The training loss of each replica. outputs (R, K, B, O), target (R, …) as sampled; returns (R,)."""

    @abstractmethod
    def scores(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        """What a test reports of each replica beside the loss, each a mean over the batch, shape (R,)."""

    @abstractmethod
    def last_step_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of the last step alone, per sample. output (R, B, O); target as in ``loss``; returns (R, B)."""
