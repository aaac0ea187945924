"""What is hidden: random erasing and cutout; on normalised images, in place, so that 0 is the mean."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from imagette.core.errors import InputError
from imagette.data.augment.draws import Draw, Stream

AREA = (0.02, 0.33)  # of random erasing: share of the image
RATIO = (0.3, 3.3)  # of random erasing: height to width


def inside(top: Tensor, bottom: Tensor, left: Tensor, right: Tensor, size: tuple[int, int]) -> Tensor:
    """Tell which pixels lie in each image's box, (B, 1, H, W) bool; the bounds are (B,), the last ones excluded."""
    y, x = (_places(side, top.device) for side in size)
    rows = (y >= top[:, None]) & (y < bottom[:, None])
    columns = (x >= left[:, None]) & (x < right[:, None])
    return (rows[:, :, None] & columns[:, None]).unsqueeze(1)


@lru_cache(maxsize=8)
def _places(side: int, device: torch.device) -> Tensor:
    return torch.arange(side, device=device)


class Erase:
    r"""Blank a random rectangle with some probability.

    Its area is uniform in 2 to 33 % of the image, its ratio of height to width log-uniform in 0.3 to 3.3 (a side
    longer than the image is cut to it), its place uniform within the image.

    Source: Zhong et al., 2017, arXiv:1708.04896.
    """

    draws = (Draw(Stream.ERASE, columns=5),)

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Change images (B, C, H, W) float32 by numbers (B, 5)."""
        height, width = images.shape[2:]
        gate, area, ratio, y, x = numbers.unbind(1)
        area = (AREA[0] + (AREA[1] - AREA[0]) * area) * (height * width)
        root = torch.exp((math.log(RATIO[0]) + math.log(RATIO[1] / RATIO[0]) * ratio) / 2)
        h = (area.sqrt() * root).round_().clamp_(1, height)
        w = (area.sqrt() / root).round_().clamp_(1, width)
        top, left = (y * (height - h + 1)).floor_(), (x * (width - w + 1)).floor_()
        bottom = top + h * (gate < self._probability)
        return images.masked_fill_(inside(top, bottom, left, left + w, (height, width)), 0.0)


class Cutout:
    """Blank a square whose centre is anywhere in the image; what of it lies outside is lost.

    Args:
        side: of the square, in pixels.
        shape: (C, H, W) of the images.

    Raises:
        InputError: when the square could hide whole images.

    Source: DeVries and Taylor, 2017, arXiv:1708.04552.
    """

    draws = (Draw(Stream.CUTOUT, columns=2),)

    def __init__(self, side: int, shape: tuple[int, int, int]) -> None:
        if side >= min(shape[1:]):
            raise InputError(
                f"augment.cutout = {side} is not smaller than the images, which have {shape[1]}x{shape[2]} pixels",
                hint="a quarter to a half of the side is usual",
            )
        self._side = side

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Change images (B, C, H, W) float32 by numbers (B, 2)."""
        height, width = images.shape[2:]
        top = (numbers[:, 0] * height).floor_() - self._side // 2
        left = (numbers[:, 1] * width).floor_() - self._side // 2
        hidden = inside(top, top + self._side, left, left + self._side, (height, width))
        return images.masked_fill_(hidden, 0.0)
