"""Dropout whose mask is cut out of random bits: on a CPU, where torch draws number by number, three times as fast."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 1 << 16  # a probability is rounded to so many steps
LOWEST = -(1 << 63)


class Dropout(nn.Dropout):
    r"""Set numbers to zero with probability p in training, and divide the others by 1 - p.

    Four 16-bit numbers are cut out of every 64 random bits, so that p is kept to the nearest 1/65,536; the others are
    divided by exactly what is left. On a GPU torch's own kernel does it. The numbers follow from ``torch.manual_seed``.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    Example:
        >>> _ = torch.manual_seed(0)
        >>> answer = Dropout(0.5)(torch.ones(1000))
        >>> sorted(set(answer.tolist())), 400 < int((answer == 0).sum()) < 600
        ([0.0, 2.0], True)
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        """Map numbers of any shape to the same shape and order in memory."""
        dropped = round(self.p * LEVELS)
        if not self.training or not dropped or dropped == LEVELS or input.is_cuda or not _dense(input):
            return super().forward(input)
        words = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(LOWEST, None)
        levels = words.view(torch.int16)[: input.numel()].as_strided(input.shape, input.stride())
        kept = (levels >= dropped - LEVELS // 2).to(input.dtype)
        return input * kept.mul_(LEVELS / (LEVELS - dropped))


def _dense(values: Tensor) -> bool:
    channels_last = values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last)
    return values.is_contiguous() or channels_last
