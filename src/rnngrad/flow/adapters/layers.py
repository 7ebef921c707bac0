"""rnngrad's own feed-forward nets: a model with one replica. A step is a layer, in terms of z: what its bias sees."""

from typing import Any

from torch import Tensor, nn

from ...errors import UsageError
from ...models import FeedForward
from ..inputs import State
from ..layers import FeedForwardChain

over_time = False


class LayerNet(nn.Module):
    """A feed-forward net of one replica as a module of torch, so that it can be copied and cast like one."""

    def __init__(self, model: FeedForward) -> None:
        super().__init__()
        self.form = model
        self.theta = nn.Parameter(model.theta.detach())

    @property
    def model(self) -> FeedForward:
        """The net with the module's own weights, off their graph."""
        return self.form.with_theta(self.theta.detach())


def accepts(module: nn.Module) -> bool:
    """Whether it is a feed-forward net."""
    return isinstance(module, LayerNet)


def checked(module: LayerNet, x: Tensor) -> Tensor:
    """x, (B, I). Raises UsageError unless there is one replica and x fits it."""
    if len(module.theta) != 1:
        raise UsageError(f"a model of one replica is measured here, got {len(module.theta)}: take model.select([k])")
    if x.dim() != 2 or x.shape[1] != module.form.widths[0] or not len(x):
        raise UsageError(f"x must be (B, I) with {module.form.widths[0]} inputs, got shape {tuple(x.shape)}")
    return x


def chain(module: LayerNet, x: Tensor, state: State | None) -> FeedForwardChain:
    """Its layers. Raises UsageError for an initial state: x itself is s_0 here."""
    if state is not None:
        raise UsageError("a feed-forward net has no initial state besides x: leave state= out")
    return FeedForwardChain(module.model, x)


def last_output(module: LayerNet, x: Tensor, state: State | None) -> Tensor:
    """z_L, (B, O)."""
    return module.form.pre_activations(module.form.params(module.theta), x.unsqueeze(0))[-1][0]


def as_module(module: Any) -> Any:
    """A :class:`~rnngrad.models.FeedForward` as a :class:`LayerNet`; all else as it is."""
    return LayerNet(module) if isinstance(module, FeedForward) else module
