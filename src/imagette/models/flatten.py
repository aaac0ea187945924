"""Flatten whose gradient lies in memory as what was flattened."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Flatten(nn.Flatten):
    """Make a row of numbers of each image; in training, the gradient comes back in the order of the maps in memory.

    Maps that lie by whole pixels (``channels_last``) are copied to be flattened, and their gradient would come back by
    whole channels. Every layer before would then read two orders at once, and a pooling copy all that it reads.

    Example:
        >>> pixels = torch.randn(1, 2, 2, 2).contiguous(memory_format=torch.channels_last).requires_grad_()
        >>> rows = Flatten()(pixels)
        >>> _ = pixels.register_hook(lambda gradient: print(gradient.stride() == pixels.stride()))
        >>> rows.sum().backward()
        True
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        """Map (N, C, H, W) to (N, C·H·W)."""
        if self.training and input.requires_grad and _by_pixels(input) and not torch.compiler.is_compiling():
            input.register_hook(_to_pixels)  # type: ignore[no-untyped-call]
        return super().forward(input)


def _by_pixels(maps: Tensor) -> bool:
    return maps.ndim == 4 and maps.is_contiguous(memory_format=torch.channels_last)


def _to_pixels(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)
