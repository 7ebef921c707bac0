"""Mean-field theory of batch normalisation: how gradients change from layer to layer where it is in every layer."""

from math import sqrt

from .activations import find


def batch_norm_factor(activation: str) -> float:
    """√(E[φ'(u)²] / Var φ(u)), u ~ N(0, 1): factor per layer back of the gradient norm; never under 1.

    Of a plain net at initialisation, wide, on a large batch: the weights multiply the squared gradient by
    σ_w² E[φ'²], and the normalisation divides it by the variance over the batch, σ_w² Var φ, so that neither σ_w² nor
    the biases matter. For ReLU √(π/(π - 1)) = 1.211. That the normalisation also projects the gradient off two of the
    batch's directions is left out, as befits a large batch. Not under 1 by Poincaré's inequality, Var φ <= E[φ'²].

    Reference: Yang et al. 2019, A mean field theory of batch normalization, arXiv:1902.08129. Raises UsageError for an
    unknown activation.
    """
    phi = find(activation)
    variance = phi.square(1.0) - phi.product(1.0, 0.0)
    return sqrt(phi.slope_square(1.0) / variance)
