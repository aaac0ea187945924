"""Pixels to the numbers that a net takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def dense(images: Tensor) -> Tensor:
    """Give images (N, C, H, W) as they are when contiguous or channels_last, else a contiguous copy."""
    if images.is_contiguous() or images.is_contiguous(memory_format=torch.channels_last):
        return images
    return images.contiguous()


class Normalize:
    r"""Subtract the mean and divide by the deviation, channel by channel: :math:`(x - \mu_c) / \sigma_c`.

    Args:
        mean: (C,) in pixel units, 0 to 255.
        std: (C,) in pixel units.
        device: where the images are.

    Example:
        >>> normalize = Normalize([100.0], [50.0], "cpu")
        >>> normalize(torch.full((1, 1, 1, 2), 200, dtype=torch.uint8))
        tensor([[[[2., 2.]]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> None:
        self._mean = torch.tensor(mean, dtype=torch.float32, device=device)[:, None]
        self._scale = 1.0 / torch.tensor(std, dtype=torch.float32, device=device)[:, None]
        self._rows: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images (N, C, H, W) uint8; float32 of the same layout, contiguous or channels_last."""
        return self.apply_(dense(images).float())

    def apply_(self, pixels: Tensor) -> Tensor:
        """Normalise pixels (N, C, H, W) float32, contiguous or channels_last, in place."""
        if pixels.is_contiguous():
            pixels.flatten(2).sub_(self._mean).mul_(self._scale)
        else:  # a row of pixels with their channels is one stretch of memory: ten times faster than broadcasting
            mean, scale = self._repeated(pixels.shape[3])
            pixels.permute(0, 2, 3, 1).flatten(2).sub_(mean).mul_(scale)
        return pixels

    def _repeated(self, width: int) -> tuple[Tensor, Tensor]:
        if width not in self._rows:
            self._rows[width] = self._mean.repeat(width, 1).view(-1), self._scale.repeat(width, 1).view(-1)
        return self._rows[width]
