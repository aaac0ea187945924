"""Two images in one: mixup and cutmix, with labels that say how much of each."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagette.core.shape import Shape
from imagette.data.augment.blank import inside
from imagette.data.augment.draws import Numbers, Random, Stream


def next_in_batch(rows: Tensor) -> Tensor:
    """Give for each of rows (B, ...) the next one, for the last the first, in the same layout."""
    return torch.cat((rows[1:], rows[:1]))


def soft_labels(labels: Tensor, share: Tensor, classes: int) -> Tensor:
    """Give ``share`` (B, 1) to each own class of labels (B,) int64, the rest to the next one's; (B, K) float32."""
    soft = share.new_zeros(len(labels), classes).scatter_(1, labels[:, None], share)
    return soft.scatter_add_(1, next_in_batch(labels)[:, None], 1 - share)


class Mixup:
    r"""Blend each image with the next one: :math:`\lambda x_i + (1 - \lambda) x_{i+1}`, labels alike.

    Source: Zhang et al., 2018, arXiv:1710.09412.
    """

    def __init__(self, alpha: float, classes: int) -> None:
        self._alpha, self._classes = alpha, classes

    def draw(self, random: Random) -> Numbers:
        """Choose every image's share of its own mix, (n, 1)."""
        return random.beta(Stream.SHARE, self._alpha)[:, None]

    def __call__(self, images: Tensor, labels: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (B, C, H, W) float32 and labels (B,) int64 by shares (B, 1)."""
        mixed = next_in_batch(images).lerp_(images, share[:, :, None, None])
        return mixed, soft_labels(labels, share, self._classes)


class CutMix:
    r"""Paste a rectangle of the next image into each, at the same place.

    Its sides are :math:`\sqrt{1 - \lambda}` of the image's, its centre is anywhere in the image; labels follow the
    area that is really covered.

    Source: Yun et al., 2019, arXiv:1905.04899.
    """

    def __init__(self, alpha: float, classes: int, shape: Shape) -> None:
        self._alpha, self._classes, self._size = alpha, classes, shape[1:]

    def draw(self, random: Random) -> Numbers:
        """Choose every image's box and the share that stays its own, (n, 5)."""
        half = np.sqrt(1 - random.beta(Stream.SHARE, self._alpha)) / 2
        bounds = []
        for u, side in zip(random.uniform(Stream.PASTE, 2), self._size, strict=True):
            center, reach = np.floor(u * side), np.floor(half * side)
            bounds += [np.maximum(center - reach, 0), np.minimum(center + reach, side)]
        top, bottom, left, right = bounds
        share = 1 - (bottom - top) * (right - left) / (self._size[0] * self._size[1])
        return np.stack((*bounds, share), 1)

    def __call__(self, images: Tensor, labels: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (B, C, H, W) float32 and labels (B,) int64 by boxes and shares (B, 5)."""
        mixed = next_in_batch(images)
        torch.where(inside(values, images.shape), mixed, images, out=mixed)
        return mixed, soft_labels(labels, values[:, 4:], self._classes)
