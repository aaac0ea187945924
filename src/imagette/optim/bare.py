"""Optimizers without torch's compiler, which they would load at their first use and never need."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch.optim import Adam, AdamW, Optimizer

from imagette.optim.adam import AdamStep


def leave_compiler_alone() -> None:
    """Tell torch that the methods of its optimizers need not be marked as not to be compiled.

    At the first optimizer, torch loads ``torch._dynamo`` to mark them, which takes one to two seconds: more than a
    short training may last. Imagette compiles models, never optimizers.
    """
    for method in vars(Optimizer).values():
        if plain := getattr(method, "__wrapped__", None):
            plain.__dynamo_disable = plain  # where torch._compile looks for the marked method


def bare_step(optimizer: Optimizer) -> Callable[[], object]:
    """Give an optimizer's update without what torch wraps around it for its compiler and its profiler.

    Args:
        optimizer: of torch, or a class of ours that follows it.

    Returns:
        A function that takes one step by the gradients as they stand.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.ones(1)
        >>> bare_step(torch.optim.SGD([weight], lr=0.5))()
        >>> weight.item()
        0.5
    """
    if isinstance(optimizer, (Adam, AdamW)) and _on_cpu(optimizer):
        return AdamStep(optimizer)
    step = inspect.unwrap(type(optimizer).step)

    @torch.no_grad()
    def update() -> object:
        return step(optimizer)

    return update


def _on_cpu(optimizer: Optimizer) -> bool:
    return all(parameter.device.type == "cpu" for group in optimizer.param_groups for parameter in group["params"])
