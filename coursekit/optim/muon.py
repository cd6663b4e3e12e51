"""Muon: momentum, and then a step that is equally large in all directions."""

import torch
from torch import Tensor

from ..engine.mixed_precision import multiplies_bfloat16


class Muon(torch.optim.Optimizer):
    """Muon for matrices and kernels of convolutions, Adam for biases and all else of one dimension.

    A kernel, out × in × k × k, counts as a matrix with a row for each output channel. Its momentum
    (Nesterov's) is made ``orthogonal`` and scaled, so that one entry of the step is as large as
    with Adam: both parts use the same ``lr``. ``weight_decay`` takes ``lr`` times so much of every
    matrix in a step. Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon); the scale is
    that of Liu et al. 2025 (arXiv:2502.16982); ``torch.optim.Muon`` takes matrices only.

    A schedule that moves the momentum too, as ``OneCycleLR`` does, needs ``cycle_momentum=False``.
    Raises ``ValueError`` for settings that are out of their range.
    """

    def __init__(self, params, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        for group in self.param_groups:
            found = {name: group[name] for name in self.defaults}
            if min(found.values()) < 0 or found["momentum"] >= 1:
                raise ValueError(
                    f"lr, momentum and weight_decay are 0 or more, momentum < 1: {found}"
                )

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.ndim > 1:
                    step = self._muon(parameter.grad, self.state[parameter], group["momentum"])
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                else:
                    step = self._adam(parameter.grad, self.state[parameter])
                parameter.sub_(group["lr"] * step)

    def _muon(self, gradient: Tensor, state: dict, momentum: float) -> Tensor:
        if not state:
            state["mean"] = torch.zeros_like(gradient)
        state["mean"].lerp_(gradient, 1 - momentum)
        matrix = gradient.lerp(state["mean"], momentum).flatten(1)
        return 0.2 * max(matrix.shape) ** 0.5 * orthogonal(matrix).view(gradient.shape)

    def _adam(self, gradient: Tensor, state: dict) -> Tensor:
        if not state:
            zeros = torch.zeros_like(gradient)
            state.update(mean=zeros, square=zeros.clone(), steps=0)
        state["steps"] += 1
        state["mean"].lerp_(gradient, 0.1)
        state["square"].lerp_(gradient**2, 0.001)
        mean = state["mean"] / (1 - 0.9 ** state["steps"])
        square = state["square"] / (1 - 0.999 ** state["steps"])
        return mean / (square.sqrt() + 1e-8)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix with its singular values s brought near 1 and its singular vectors kept.

    Each step puts 3.4445 s − 4.7750 s³ + 2.0315 s⁵ in the place of all s, by products of matrices
    alone (Newton-Schulz; the numbers are Jordan's). After five steps all that was at least a
    hundredth of the norm lies between 0.65 and 1.2. In bfloat16 where the device multiplies it.
    """
    x = matrix.bfloat16() if multiplies_bfloat16(matrix.device) else matrix
    tall = len(x) > x.shape[1]
    x = x.mT if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.7750 * gram) @ x
    return (x.mT if tall else x).to(matrix.dtype)
