"""Copies of a module, also of one that holds tensors of its last step."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)
DEEPEST = 3  # lists and dicts within one another


def copied(module: Module) -> Module:
    """Copy a module; of tensors that it holds of its last step, which torch refuses to copy, the numbers alone.

    They are found in its attributes, and in lists, tuples and dicts there.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> net.seen = [net(net.weight)]
        >>> copied(net).seen[0].requires_grad
        False
    """
    held = (tensor for part in module.modules() for tensor in _tensors(vars(part), DEEPEST + 1))
    return copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in held if not tensor.is_leaf})


def _tensors(value: Any, deep: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple) and deep:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _tensors(one, deep - 1)
