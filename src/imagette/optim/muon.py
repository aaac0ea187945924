"""Muon: filters and hidden matrices move by orthogonal steps, everything else by SGD."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.optim.groups import groups, matrices
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
        momentum: of groups that have none of their own.
        newton_schulz: iterations of ``orthogonalized``.
        fixed_norm: scale every filter bank to the norm √out before its step, in place of weight decay.

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
    ) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum, nesterov=True, fused=True)
        self.newton_schulz, self.fixed_norm = newton_schulz, fixed_norm

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; the gradients of the orthogonal groups are used up."""
        for group in self.param_groups:
            turned = [weight for weight in group["params"] if group["orthogonal"] and weight.grad is not None]
            if turned:
                self._move(turned, group)
            for weight in turned:
                weight.grad = None  # SGD, whose turn comes next, passes over what has none
        inspect.unwrap(super().step)(self)  # without what torch wraps around it: see bare.py

    def _move(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Move all filter banks together: on a GPU, to begin an operation takes longer than to do it."""
        rate, momentum = group["lr"], group["momentum"]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        states = [self.state[weight] for weight in weights]
        for state, weight in zip(states, weights, strict=True):
            if not state:
                state["momentum_buffer"] = torch.zeros_like(weight)
        before = [state["momentum_buffer"] for state in states]
        velocities = torch._foreach_add(gradients, before, alpha=momentum)
        ahead = torch._foreach_add(gradients, velocities, alpha=momentum)
        directions = [_folded(orthogonalized(_unfolded(step), self.newton_schulz), step) for step in ahead]
        if self.fixed_norm:
            lengths = torch._foreach_clamp_min(torch._foreach_norm(weights), EPSILON)
            wanted = torch._foreach_mul(weights, [len(weight) ** 0.5 for weight in weights])
            moved = torch._foreach_div(wanted, list(lengths))
        else:
            moved = torch._foreach_mul(weights, 1 - rate * group["weight_decay"])
        torch._foreach_add_(moved, directions, alpha=-rate)
        if (found := getattr(self, "found_inf", None)) is not None:
            bad = found.bool()
            velocities = tuple(torch.where(bad, *pair) for pair in zip(before, velocities, strict=True))
            moved = tuple(torch.where(bad, *pair) for pair in zip(weights, moved, strict=True))
        torch._foreach_copy_(weights, moved)
        for state, velocity in zip(states, velocities, strict=True):
            state["momentum_buffer"] = velocity


def _by_pixels(filters: Tensor) -> bool:
    return filters.ndim == 4 and filters.is_contiguous(memory_format=torch.channels_last)


def _unfolded(filters: Tensor) -> Tensor:
    """Give filters as a matrix, their columns in the order in which they lie in memory: nothing is copied."""
    return (filters.permute(0, 2, 3, 1) if _by_pixels(filters) else filters).flatten(1)


def _folded(matrix: Tensor, like: Tensor) -> Tensor:
    """Give a matrix as the filters that ``_unfolded`` made such a one of."""
    if not _by_pixels(like):
        return matrix.view(like.shape)
    return matrix.view(like.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)


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
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    turned: Tensor = x.T if tall else x
    return turned.to(matrix.dtype)


def muon_groups(module: nn.Module, spec: specs.Muon) -> list[dict[str, Any]]:
    """Part a module's trainable parameters into filters and hidden matrices, which Muon turns, and all others.

    The others are what has one dimension (biases, scales), at the rate ``other_lr``, and the last matrix in the order
    of the module, its head, at the rate ``head_lr``: its rows stand for classes, and are no basis to be turned.

    Args:
        module: its parameters with ``requires_grad`` are taken.
        spec: its rates and its decay are read.

    Returns:
        Groups with ``params``, ``weight_decay``, ``momentum``, ``lr``, its ratio ``scale`` to the recipe's rate, and
        ``orthogonal``. Rate times decay is the same in all groups that decay.

    Raises:
        InputError: when the head is the only matrix.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        >>> [(group["orthogonal"], len(group["params"])) for group in muon_groups(net, specs.Muon())]
        [(True, 1), (False, 1), (False, 2)]
    """
    parted, weights = groups(module, spec), matrices(module)
    turned = [parameter for group in parted for parameter in group["params"] if id(parameter) in weights][:-1]
    if not turned:
        raise InputError(
            f"optim.name = 'muon' finds no filters or hidden matrices in {type(module).__name__}",
            hint="optim.name = 'adamw' trains any model",
        )
    chosen = {id(parameter) for parameter in turned}
    how = {"momentum": spec.momentum, "lr": spec.lr, "scale": 1.0, "orthogonal": True}
    first = {**how, "params": turned, "weight_decay": spec.weight_decay}
    made = [first]
    for group in parted:
        others = [parameter for parameter in group["params"] if id(parameter) not in chosen]
        heads, vectors = [p for p in others if id(p) in weights], [p for p in others if id(p) not in weights]
        for parameters, rate in ((heads, spec.head_lr), (vectors, spec.other_lr)):
            if parameters:
                how = {"momentum": spec.other_momentum, "lr": rate, "scale": rate / spec.lr, "orthogonal": False}
                decay = group["weight_decay"] * spec.lr / rate
                made.append({**how, "params": parameters, "weight_decay": decay})
    return made
