"""What is hidden: random erasing and cutout; on normalised images, in place, by 0: the mean if standardized."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.augment.draws import Numbers, Random, Stream

AREA = (0.02, 0.33)  # of random erasing: share of the image
RATIO = (0.3, 3.3)  # of random erasing: height to width


def inside(boxes: Tensor, size: torch.Size) -> Tensor:
    """Tell which pixels of images of size (B, C, H, W) lie in each one's box, (B, 1, H, W) bool.

    Args:
        boxes: (B, 4) top, bottom, left, right; bottom and right are excluded.
        size: of the batch.
    """
    y, x = (_places(side, boxes.device) for side in size[2:])
    rows = (y >= boxes[:, 0:1]) & (y < boxes[:, 1:2])
    columns = (x >= boxes[:, 2:3]) & (x < boxes[:, 3:4])
    return (rows[:, :, None] & columns[:, None]).unsqueeze(1)


@lru_cache(maxsize=8)
def _places(side: int, device: torch.device) -> Tensor:
    return torch.arange(side, dtype=torch.float32, device=device)


class Blank:
    """Fill a box of every image with 0, which is the mean if standardized."""

    def __call__(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Blank boxes (B, 4) of images (B, C, H, W) float32."""
        return images.masked_fill_(inside(boxes, images.shape), 0.0)


class Erase(Blank):
    r"""Blank a random rectangle with some probability.

    Its area is uniform in 2 to 33 % of the image, its ratio of height to width log-uniform in 0.3 to 3.3 (a side
    longer than the image is cut to it), its place uniform within the image.

    Args:
        probability: of blanking.
        shape: (C, H, W) of the images.

    Source: Zhong et al., 2017, arXiv:1708.04896; the ranges and the log-uniform ratio are those of torchvision's
    RandomErasing.
    """

    def __init__(self, probability: float, shape: Shape) -> None:
        self._probability, self._size = probability, shape[1:]

    def draw(self, random: Random) -> Numbers:
        """Choose every image's box, (n, 4); an empty one where nothing is blanked."""
        height, width = self._size
        gate, area, ratio, y, x = random.uniform(Stream.ERASE, 5)
        area = (AREA[0] + (AREA[1] - AREA[0]) * area) * (height * width)
        ratio = RATIO[0] * np.exp(math.log(RATIO[1] / RATIO[0]) * ratio)
        h = np.clip(np.round(np.sqrt(area * ratio)), 1, height)
        w = np.clip(np.round(np.sqrt(area / ratio)), 1, width)
        top, left = np.floor(y * (height - h + 1)), np.floor(x * (width - w + 1))
        return np.stack((top, top + h * (gate < self._probability), left, left + w), 1)


class Cutout(Blank):
    """Blank a square whose centre is anywhere in the image; what of it lies outside is lost.

    Args:
        side: of the square, in pixels.
        shape: (C, H, W) of the images.

    Raises:
        InputError: when the square could hide whole images.

    Source: DeVries and Taylor, 2017, arXiv:1708.04552.
    """

    def __init__(self, side: int, shape: Shape) -> None:
        if side >= min(shape[1:]):
            raise InputError(
                f"augment.cutout = {side} is not smaller than the images, which have {shape[1]}x{shape[2]} pixels",
                hint="a quarter to a half of the side is usual",
            )
        self._side, self._size = side, shape[1:]

    def draw(self, random: Random) -> Numbers:
        """Choose every image's box, (n, 4)."""
        y, x = random.uniform(Stream.CUTOUT, 2)
        top, left = (np.floor(u * side) - self._side // 2 for u, side in zip((y, x), self._size, strict=True))
        return np.stack((top, top + self._side, left, left + self._side), 1)
