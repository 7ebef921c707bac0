"""Training: one update after another. Knows no concrete problem, cell, probe or file."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .engine import Engine, Tap
from .flow import Omega
from .models import Recurrent

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

MOMENTS = "optimizer."


class Trainer:
    """Updates some replicas of a model by the gradient of each one's own loss.

    Every replica has an optimiser and a gradient clip of its own, so that nothing but the kernel launch is shared:
    a replica's numbers do not depend on which others train beside it.
    """

    def __init__(
        self, model: Recurrent, engine: Engine, optimizer: str, lr: float, clip: float, omega: Omega | None = None
    ) -> None:
        """clip: the largest Euclidean norm of a replica's whole gradient, applied after the backward pass.

        omega: a regulariser, whose gradient is added before that.
        """
        self.model = model
        self.engine = engine
        self.clip = clip
        self.omega = omega
        self.weights = [torch.nn.Parameter(row) for row in model.theta]
        self.optimizers = [OPTIMIZERS[optimizer]([weights], lr=lr) for weights in self.weights]

    def update(
        self,
        rows: Sequence[int],
        x: Tensor,
        target: Tensor,
        keep: int,
        loss: Callable[[Tensor, Tensor], Tensor],
        tap: Tap | None = None,
    ) -> Tensor:
        """One update of the replicas ``rows`` in place; returns their losses before it, (len(rows),), detached.

        x: (len(rows), T, B, I); loss: outputs (R, keep, B, O) and target to (R,). A tap hears the flow of the update's
        own backward pass, the regulariser apart. Nothing waits for the device.
        """
        if self.omega:
            tap = tap or Tap()
            tap.whole = True
        theta = torch.stack([self.model.theta[row] for row in rows]).requires_grad_()
        params = self.model.params(theta)
        losses = loss(self.model.outputs(params, x, keep, self.engine, tap), target)
        (gradients,) = torch.autograd.grad(losses.sum(), theta)
        if self.omega and tap:
            self.model.params(gradients)["weight_hh"] += self.omega.gradient(self.model.cell, params, x, tap)
        for row, gradient in zip(rows, gradients, strict=True):
            self.weights[row].grad = gradient
            torch.nn.utils.clip_grad_norm_([self.weights[row]], self.clip)
            self.optimizers[row].step()
        return losses.detach()

    def moments(self, replica: int) -> dict[str, Tensor]:
        """What the replica's optimiser remembers, by ``optimizer.NAME``; nothing before its first update."""
        own = self.optimizers[replica].state_dict()["state"].get(0, {})
        return {f"{MOMENTS}{name}": value.cpu() for name, value in own.items()}

    def set_moments(self, replica: int, tensors: Mapping[str, Tensor]) -> None:
        """Makes the replica's optimiser remember what :meth:`moments` gave; other names are passed over."""
        own = {name.removeprefix(MOMENTS): value for name, value in tensors.items() if name.startswith(MOMENTS)}
        groups = self.optimizers[replica].state_dict()["param_groups"]
        self.optimizers[replica].load_state_dict({"state": {0: own} if own else {}, "param_groups": groups})
