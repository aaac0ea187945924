"""Two images in one: mixup and cutmix, with labels that say how much of each."""

from __future__ import annotations

import torch
from torch import Tensor

from imagette.data.augment.blank import inside
from imagette.data.augment.draws import Draw, Stream


def next_in_batch(rows: Tensor) -> Tensor:
    """Give for each of rows (B, ...) the next one, for the last the first, in the same layout."""
    return torch.cat((rows[1:], rows[:1]))


def soft_labels(labels: Tensor, share: Tensor, classes: int) -> Tensor:
    """Give ``share`` (B,) to each own class of labels (B,) int64, the rest to the next one's; (B, K) float32."""
    soft = share.new_zeros(len(labels), classes)
    soft.scatter_(1, labels[:, None], share[:, None])
    return soft.scatter_add_(1, next_in_batch(labels)[:, None], 1 - share[:, None])


class Mixup:
    r"""Blend each image with the next one: :math:`\lambda x_i + (1 - \lambda) x_{i+1}`, labels alike.

    Source: Zhang et al., 2018, arXiv:1710.09412.
    """

    def __init__(self, alpha: float, classes: int) -> None:
        self.draws = (Draw(Stream.MIX, alpha=alpha),)
        self._classes = classes

    def __call__(self, images: Tensor, labels: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (B, C, H, W) float32 and labels (B,) int64 by numbers (B, 1), of which Beta is the law."""
        share = numbers[:, 0]
        mixed = next_in_batch(images).lerp_(images, share[:, None, None, None])
        return mixed, soft_labels(labels, share, self._classes)


class CutMix:
    r"""Paste a rectangle of the next image into each, at the same place.

    Its sides are :math:`\sqrt{1 - \lambda}` of the image's, its centre is anywhere in the image; labels follow the
    area that is really covered.

    Source: Yun et al., 2019, arXiv:1905.04899.
    """

    def __init__(self, alpha: float, classes: int) -> None:
        self.draws = (Draw(Stream.MIX, columns=3, alpha=alpha),)
        self._classes = classes

    def __call__(self, images: Tensor, labels: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (B, C, H, W) float32 and labels (B,) int64 by numbers (B, 3), the first of Beta's law."""
        height, width = images.shape[2:]
        half = (1 - numbers[:, 0]).clamp_(min=0).sqrt_() / 2
        y, x = (numbers[:, 1] * height).floor_(), (numbers[:, 2] * width).floor_()
        h, w = (half * height).floor_(), (half * width).floor_()
        top, bottom = (y - h).clamp_(min=0), (y + h).clamp_(max=height)
        left, right = (x - w).clamp_(min=0), (x + w).clamp_(max=width)
        mixed = torch.where(inside(top, bottom, left, right, (height, width)), next_in_batch(images), images)
        share = 1 - (bottom - top) * (right - left) / (height * width)
        return mixed, soft_labels(labels, share, self._classes)
