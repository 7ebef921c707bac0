"""The adding problem, in four of the variants that the literature gives the one name."""

from typing import ClassVar

from torch import Tensor

from .marked_pairs import MarkedPairs


class Adding(MarkedPairs):
    """Remember two marked real numbers and give their (scaled) sum at the last step.

    Each step shows a pair (value, marker); two pairs carry the marker 1. ::

        value   .31  .92  .07  .55  .48  .80        (arjovsky: target .92 + .48 = 1.40)
        marker   0    1    0    0    1    0

    ========  ========  =======================================  ============  ==============
    protocol  values    marked positions (0-based)               length        target
    ========  ========  =======================================  ============  ==============
    arjovsky  U[0,1]    one in [0, T/2), one in [T/2, T)         T             X1 + X2
    hs97      U[-1,1]   one of the first 10, then one of the     U{T..1.1T}    .5+(X1+X2)/4
                        first T/2-1 still unmarked; the others
                        carry 0, the first and last pair -1;
                        X1 = 0 if it is the first pair
    pascanu   U[0,1]    one in [0, .1L), one in [.1L, .5L)       L=U{T..1.1T}  (X1 + X2)/2
    uniform   U[0,1]    two distinct positions anywhere          T             X1 + X2
    ========  ========  =======================================  ============  ==============

    Loss: squared error at the last step. Score: ``accuracy``, the share of answers with an absolute error below .04
    (pascanu: .2), a limit that the 1997 paper sets for its own, scaled target. Baselines: the constant mean, and the
    best that one remembered number allows. The often printed constant 0.1767 is wrong: Var(U1 + U2) = 1/6.

    References: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), experiment 4; Pascanu, Mikolov & Bengio 2013,
    arXiv:1211.5063, and their code; Arjovsky, Shah & Bengio 2016, arXiv:1511.06464; Bai, Kolter & Koltun 2018,
    arXiv:1803.01271 (uniform).
    """

    name: ClassVar[str] = "adding"
    protocols: ClassVar[dict[str, int]] = {"arjovsky": 2, "hs97": 22, "pascanu": 10, "uniform": 2}
    neutral: ClassVar[float] = 0.0

    @property
    def baselines(self) -> dict[str, float]:
        # hs97: Var X1 = 9/10 · 1/3, since X1 = 0 in one case of ten, and Var X2 = 1/3, both over 4² = 16.
        constant, one_marker = {
            "arjovsky": (1 / 6, 1 / 12),
            "hs97": (19 / 480, 3 / 160),
            "pascanu": (1 / 24, 1 / 48),
            "uniform": (1 / 6, 1 / 12),
        }[self.protocol]
        return {"constant": constant, "one marker": one_marker}

    def _values(self, uniform: Tensor) -> Tensor:
        return 2 * uniform - 1 if self.protocol == "hs97" else uniform

    def _target(self, first: Tensor, second: Tensor) -> Tensor:
        total = first + second
        match self.protocol:
            case "hs97":
                return 0.5 + total / 4
            case "pascanu":
                return total / 2
            case _:
                return total
