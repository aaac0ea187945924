"""Training and evaluation mode, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def kept(module: nn.Module) -> Iterator[None]:
    """Give every part of a module its mode back in the end: its owner may have put some in evaluation mode for good.

    Example:
        >>> net = nn.Sequential(nn.ReLU(), nn.ReLU().eval())
        >>> with kept(net):
        ...     _ = net.eval()
        >>> [part.training for part in net]
        [True, False]
    """
    modes = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
