"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before the step, so that every direction is learnt at one pace.

Convolutions count as matrices (out, in * height * width); biases and norms, which are no matrices, get AdamW in the same optimiser.
bench/optimisers.py compares the two on the default restorer after equal minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steepest at zero; singular values end between 0.7 and 1.2
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """One optimiser, two groups: matrices and the rest.

    rate : of the matrices; one step moves a matrix by about `rate` in spectral norm, whatever the gradient's size.
    rest_rate : of biases and norms, by AdamW without weight decay.
    stages : parameters that learn at a share of these rates, and each share; unless told, all of them at the whole of it.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        rate: float,
        rest_rate: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        stages: Sequence[tuple[float, Iterable[nn.Parameter]]] | None = None,
    ):
        groups: list[dict[str, Any]] = []
        for share, parameters in stages or [(1.0, network.parameters())]:
            learning = [p for p in parameters if p.requires_grad]
            matrices, rest = ([p for p in learning if (p.ndim > 1) == wanted] for wanted in (True, False))
            groups += [
                {"params": matrices, "lr": rate * share, "matrices": True, "momentum": momentum, "weight_decay": weight_decay},
                {"params": rest, "lr": rest_rate * share, "matrices": False, "beta1": betas[0], "beta2": betas[1]},
            ]
        super().__init__([group for group in groups if group["params"]], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:  # a stage that is frozen
                continue
            if group["matrices"]:
                self._matrices(parameters, group)
            else:
                self._rest(parameters, group)

    def _matrices(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [cast(Tensor, p.grad) for p in parameters]
        momenta = [self._slot(p, "momentum") for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(momenta, gradients, 1 - group["momentum"])  # Nesterov; in the layout of the weights
        alike: dict[torch.Size, list[int]] = defaultdict(list)
        for index, parameter in enumerate(parameters):
            alike[_as_matrix(parameter, parameter).shape].append(index)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        for shape, indices in alike.items():
            stack = orthogonal(torch.stack([_as_matrix(ahead[index], parameters[index]) for index in indices]))
            size = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
            for index, update in zip(indices, stack, strict=True):
                _as_matrix(parameters[index], parameters[index]).add_(update, alpha=-size)  # a view: the weight itself changes

    def _rest(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [cast(Tensor, p.grad) for p in parameters]
        means = [self._slot(p, "mean") for p in parameters]
        squares = [self._slot(p, "square") for p in parameters]
        group["steps"] = group.get("steps", 0) + 1
        torch._foreach_lerp_(means, gradients, 1 - group["beta1"])
        torch._foreach_mul_(squares, group["beta2"])
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["beta2"])
        spread = torch._foreach_sqrt(squares)
        torch._foreach_div_(spread, (1 - group["beta2"] ** group["steps"]) ** 0.5)
        torch._foreach_add_(spread, 1e-8)
        torch._foreach_addcdiv_(parameters, means, spread, -group["lr"] / (1 - group["beta1"] ** group["steps"]))

    def _slot(self, parameter: Tensor, name: str) -> Tensor:
        slots = self.state[parameter]
        if name not in slots:
            slots[name] = torch.zeros_like(parameter)
        return cast(Tensor, slots[name])


def _as_matrix(tensor: Tensor, weight: Tensor) -> Tensor:
    """(out, in, h, w) -> (out, columns), in the order in which `weight` lies in memory: of the weight itself this is a view.

    The order of columns is all one, but it must be one: momenta read from a file lie otherwise than the weights do.
    """
    if weight.ndim == 4 and not weight.is_contiguous():  # channels-last
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(tensor.shape[0], -1)


def orthogonal(matrices: Tensor) -> Tensor:
    """Singular values of each matrix brought near 1, its directions kept.  (N, rows, columns) -> the same.

    Newton-Schulz, whose every round is a polynomial of X X^T times X: the polynomials are multiplied up on the small
    square side, and X itself is touched twice, not ten times.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).float()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    square = x @ x.mT
    whole: Tensor | None = None
    for index in range(ROUNDS):
        turn = b * square + c * (square @ square)
        turn.diagonal(dim1=1, dim2=2).add_(a)
        whole = turn if whole is None else turn @ whole
        if index < ROUNDS - 1:
            square = turn @ square @ turn
    y: Tensor = cast(Tensor, whole) @ x
    return y.mT if tall else y
