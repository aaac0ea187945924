"""Which parameters decay and which do not."""

from __future__ import annotations

from typing import Any

from torch import nn

from imagette.core.errors import InputError
from imagette.recipe.optimizers import Optimizer

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def groups(module: nn.Module, spec: Optimizer) -> list[dict[str, Any]]:
    """Part a module's trainable parameters into those that decay and those that do not.

    Under ``decay = "weights"`` matrices and filters decay; biases and the scales of normalisation do not. A group
    without parameters is left out, and where nothing decays there is one: every group is another kernel in each step.

    Args:
        module: parameters with ``requires_grad`` are taken, each once, in the module's order.
        spec: its ``weight_decay`` and ``decay`` are read.

    Returns:
        Groups as ``torch.optim`` takes them, each with ``params``, ``weight_decay``, and the ``scale`` that the
        schedule's rate is multiplied by for it.

    Raises:
        InputError: when no parameter requires a gradient.

    Example:
        >>> from imagette.recipe.optimizers import AdamW
        >>> [len(group["params"]) for group in groups(nn.Linear(4, 2), AdamW(weight_decay=0.1, decay="all"))]
        [2]
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trained:
        raise InputError(
            f"the model {type(module).__name__} has no trainable parameters",
            hint="its parameters must be nn.Parameter with requires_grad=True",
        )
    alike = spec.decay == "all" or not spec.weight_decay
    weights = matrices(module)
    decaying = [p for p in trained if alike or id(p) in weights]
    others = [p for p in trained if not alike and id(p) not in weights]
    parted = [(decaying, spec.weight_decay), (others, 0.0)]
    return [{"params": parameters, "weight_decay": decay, "scale": 1.0} for parameters, decay in parted if parameters]


def matrices(module: nn.Module) -> set[int]:
    """Give the ``id`` of each matrix and filter: a parameter of two or more dimensions that no normalisation owns.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm([6]), nn.Unflatten(1, (2, 3)), nn.LayerNorm([2, 3]))
        >>> matrices(net) == {id(net[0].weight)}
        True
    """
    norms = of_norms(module)
    return {id(p) for p in module.parameters() if p.ndim >= 2 and id(p) not in norms}


def of_norms(module: nn.Module) -> set[int]:
    """Give the ``id`` of each scale and bias of a normalisation layer.

    Example:
        >>> len(of_norms(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))))
        2
    """
    return {id(p) for layer in module.modules() if isinstance(layer, NORMS) for p in layer.parameters()}


def norms_apart(parted: list[dict[str, Any]], module: nn.Module, lr: float, factor: float) -> list[dict[str, Any]]:
    """Give the biases and scales of normalisation layers a rate of their own.

    Args:
        parted: groups of the module's parameters, as ``groups`` makes them.
        module: whose normalisation layers are looked for.
        lr: the rate of all others.
        factor: what it is multiplied by. Rate times decay stays the same.

    Returns:
        The groups, each without those parameters and followed by one of them, with ``lr`` and ``scale``; the same
        groups where there are none, or the factor is 1.

    Example:
        >>> from imagette.recipe.optimizers import SGD
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
        >>> apart = norms_apart(groups(net, SGD()), net, lr=0.1, factor=64)
        >>> [(len(group["params"]), group["scale"]) for group in apart]
        [(2, 1.0), (2, 64)]
    """
    norms = of_norms(module)
    if factor == 1 or not norms:
        return parted
    made = []
    for group in parted:
        own = [p for p in group["params"] if id(p) in norms]
        others = [p for p in group["params"] if id(p) not in norms]
        faster = {"lr": lr * factor, "scale": factor, "weight_decay": group["weight_decay"] / factor}
        made += [part for part in (group | {"params": others}, group | faster | {"params": own}) if part["params"]]
    return made
