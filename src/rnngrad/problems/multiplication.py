"""The multiplication problem: adding with a product."""

from typing import ClassVar

from torch import Tensor

from .marked_pairs import MarkedPairs


class Multiplication(MarkedPairs):
    """Remember two marked real numbers and give their product at the last step.

    Each step shows a pair (value, marker), values U[0,1]; two pairs carry the marker 1, at positions that are drawn as
    for adding under the protocol of the same name. ``hs97`` marks the first and the last pair with -1, the others with
    0, and X1 = 1 if it is the first pair; ``pascanu`` marks the others with 0. The target is X1 · X2 in both.

    Loss: squared error at the last step. Score: ``accuracy``, the share of answers with an absolute error below .04
    (pascanu: .2). Baselines: the constant mean, and the best that one remembered number allows, the one that helps
    more.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiment 5; Pascanu, Mikolov & Bengio 2013,
    arXiv:1211.5063, and their code.
    """

    name: ClassVar[str] = "multiplication"
    protocols: ClassVar[dict[str, int]] = {"hs97": 22, "pascanu": 10}
    neutral: ClassVar[float] = 1.0

    @property
    def baselines(self) -> dict[str, float]:
        # Var(X1 X2) = E X1² E X2² - (E X1 E X2)², and with X2 remembered Var X1 · E X2². Under hs97 X1 = 1 in one case
        # of ten, so E X1 = 11/20 and E X1² = 2/5; with X1 remembered instead 1/30 is left, a little more.
        constant, one_marker = {"hs97": (277 / 4800, 13 / 400), "pascanu": (7 / 144, 1 / 36)}[self.protocol]
        return {"constant": constant, "one marker": one_marker}

    def _values(self, uniform: Tensor) -> Tensor:
        return uniform

    def _target(self, first: Tensor, second: Tensor) -> Tensor:
        return first * second
