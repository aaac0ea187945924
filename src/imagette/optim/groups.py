"""Which parameters decay and which do not."""

from __future__ import annotations

from typing import Any

from torch import nn

from imagette.core.errors import InputError
from imagette.recipe.optimizers import Optimizer


def groups(module: nn.Module, spec: Optimizer) -> list[dict[str, Any]]:
    """Part a module's trainable parameters into those that decay and those that do not.

    Under ``decay = "weights"`` the parameters with two or more dimensions decay (matrices and filters); biases and
    the scales of normalisation do not. A group without parameters is left out, and where nothing decays there is one:
    every group is another kernel in each step.

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
    decaying = [p for p in trained if alike or p.ndim >= 2]
    others = [p for p in trained if not alike and p.ndim < 2]
    parted = [(decaying, spec.weight_decay), (others, 0.0)]
    return [{"params": parameters, "weight_decay": decay, "scale": 1.0} for parameters, decay in parted if parameters]
