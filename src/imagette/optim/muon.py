"""Muon: filters and hidden matrices move by orthogonal steps, everything else by SGD."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.optim.groups import groups
from imagette.recipe import optimizers as specs

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the steepest at zero that still end between about 0.7 and 1.2
EPSILON = 1e-7


class Muon(torch.optim.SGD):
    r"""Orthogonalised momentum for the groups marked ``orthogonal``, Nesterov SGD for the others.

    A filter bank (out, in, k, k) is taken as a matrix :math:`W` (out, in·k·k). With gradient :math:`G`, momentum
    :math:`\mu`, rate :math:`\eta` and weight decay :math:`\lambda`,

    .. math:: V \leftarrow \mu V + G, \qquad W \leftarrow (1 - \eta\lambda) W - \eta\,\mathrm{ortho}(G + \mu V),

    or, with ``fixed_norm``, :math:`W \leftarrow \sqrt{\mathrm{out}}\; W / \|W\| - \eta\,\mathrm{ortho}(G + \mu V)`.
    Every direction then moves by about the same amount, however small its share of the gradient is.

    ``torch.optim.Muon`` is not used: it came with torch 2.9, takes matrices only, has no fixed norm, and does not
    leave the weights alone after a bad gradient on a GPU (``found_inf``), as the fused optimizers of torch do.

    Args:
        parameters: groups as ``muon_groups`` makes them.
        lr: rate of groups that have none of their own.
        momentum: of all groups.
        newton_schulz: iterations of ``orthogonalized``.
        fixed_norm: scale every filter bank to the norm √out before its step, in place of weight decay.
        fused: SGD in one kernel for all of its parameters.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        >>> optimizer = Muon(muon_groups(net, specs.Muon(lr=0.1)), lr=0.1, momentum=0.6)
        >>> net(torch.rand(8, 1, 4, 4)).sum().backward()
        >>> optimizer.step()

    Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); ``fixed_norm``, three
    iterations and SGD beside it are those of airbench94_muon (K. Jordan, cifar10-airbench).
    """

    def __init__(
        self,
        parameters: list[dict[str, Any]],
        lr: float,
        momentum: float,
        newton_schulz: int = 3,
        fixed_norm: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum, nesterov=True, fused=fused)
        self.newton_schulz, self.fixed_norm = newton_schulz, fixed_norm

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; the gradients of the orthogonal groups are used up."""
        for group in self.param_groups:
            for weight in group["params"] if group["orthogonal"] else ():
                if weight.grad is not None:
                    self._move(weight, group)
                    weight.grad = None  # SGD, whose turn comes next, passes over what has none
        inspect.unwrap(super().step)(self)  # without what torch wraps around it: see bare.py

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        rate, momentum, gradient, state = group["lr"], group["momentum"], weight.grad, self.state[weight]
        before = state["momentum_buffer"] if "momentum_buffer" in state else torch.zeros_like(weight)
        velocity = momentum * before + gradient
        ahead = gradient + momentum * velocity
        direction = orthogonalized(ahead.flatten(1), self.newton_schulz).view(weight.shape)
        norm = weight.norm().clamp(min=EPSILON)
        kept = len(weight) ** 0.5 / norm if self.fixed_norm else 1 - rate * group["weight_decay"]
        moved = kept * weight - rate * direction
        if (bad := getattr(self, "found_inf", None)) is not None:
            velocity, moved = torch.where(bad.bool(), before, velocity), torch.where(bad.bool(), weight, moved)
        state["momentum_buffer"] = velocity
        weight.copy_(moved)


def orthogonalized(matrix: Tensor, iterations: int) -> Tensor:
    r"""Bring the singular values of a matrix (m, n) close to 1 and leave its singular vectors as they are.

    From :math:`X_0 = G / \|G\|`, each Newton-Schulz iteration takes
    :math:`X \leftarrow aX + b\,(XX^\top)X + c\,(XX^\top)^2X`, which maps every singular value :math:`s` to
    :math:`as + bs^3 + cs^5`, with a, b, c = 3.4445, -4.7750, 2.0315.

    Args:
        matrix: (m, n) float.
        iterations: three leave small singular values small; five bring all but the smallest to 0.7 to 1.2.

    Returns:
        (m, n) of the same type.

    Example:
        >>> turned = orthogonalized(torch.diag(torch.tensor([5.0, 1.0])), 5)
        >>> bool((turned.diagonal() - 1).abs().max() < 0.35)
        True
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix  # the smaller side is squared
    x = x.bfloat16() if x.is_cuda else x.float()  # accurate enough, and faster on a GPU
    x = x / x.norm().clamp(min=EPSILON)
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    turned: Tensor = x.T if tall else x
    return turned.to(matrix.dtype)


def muon_groups(module: nn.Module, spec: specs.Muon) -> list[dict[str, Any]]:
    """Part a module's trainable parameters into filters and hidden matrices, which Muon turns, and all others.

    The others are what has one dimension (biases, scales) and the last matrix in the module's order, its head: its rows
    stand for classes, and are no basis to be turned. They have the rate ``other_lr``.

    Args:
        module: its parameters with ``requires_grad`` are taken.
        spec: its rates and its decay are read.

    Returns:
        Groups with ``params``, ``weight_decay``, ``lr``, its ratio ``scale`` to the recipe's rate, and ``orthogonal``.

    Raises:
        InputError: when the head is the only matrix.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        >>> [(group["orthogonal"], len(group["params"])) for group in muon_groups(net, specs.Muon())]
        [(True, 1), (False, 3)]
    """
    parted = groups(module, spec)
    turned = [parameter for group in parted for parameter in group["params"] if parameter.ndim >= 2][:-1]
    if not turned:
        raise InputError(
            f"optim.name = 'muon' finds no filters or hidden matrices in {type(module).__name__}",
            hint="optim.name = 'adamw' trains any model",
        )
    chosen = {id(parameter) for parameter in turned}
    others = [
        {
            **group,
            "params": [parameter for parameter in group["params"] if id(parameter) not in chosen],
            "lr": spec.other_lr,
            "scale": spec.other_lr / spec.lr,
            "orthogonal": False,
        }
        for group in parted
    ]
    first = {"params": turned, "weight_decay": spec.weight_decay, "lr": spec.lr, "scale": 1.0, "orthogonal": True}
    return [first, *others]
