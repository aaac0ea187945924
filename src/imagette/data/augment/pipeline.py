"""A recipe's augmentation: which operations, in which order, with which random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.augment.affine import Affine
from imagette.data.augment.blank import Cutout, Erase
from imagette.data.augment.color import Grayscale, Hue, brightness, contrast, saturation
from imagette.data.augment.crop import FlipAndCrop
from imagette.data.augment.draws import Numbers, Random
from imagette.data.augment.mix import CutMix, Mixup
from imagette.data.augment.normalize import Normalize, dense
from imagette.recipe.schema import Augment

COLOR_ONLY = ("saturation", "hue", "grayscale")
AFFINE = ("rotation", "translate", "scale", "shear")


class Drawing(Protocol):
    """What needs random numbers."""

    def draw(self, random: Random, /) -> Numbers:
        """Choose the values of every image for an epoch, (n, columns), ready to use."""


class Operation(Drawing, Protocol):
    """A change of float images, in place or not."""

    def __call__(self, images: Tensor, values: Tensor, /) -> Tensor:
        """Change images (B, C, H, W) float32 by values (B, columns)."""


class Augmentation:
    """What a recipe does to a training batch.

    The order is: mirror and crop, affine map, brightness, contrast, saturation, hue, grayscale, normalisation, random
    erasing, cutout; then, apart, mixup or cutmix. Every image's part is a function of (seed, epoch, its index) alone:
    the batch that it comes in changes nothing but its partner in a mix.

    Args:
        spec: the recipe's ``[augment]``.
        shape: (C, H, W) of the images.
        mean: (C,) in pixel units, 0 to 255; with ``std``, what normalisation takes off.
        std: (C,) in pixel units.
        device: where the batches are.
        classes: K, of the mixed labels.

    Raises:
        InputError: for what the images do not allow (colour of gray images, a padding larger than the image).

    Example:
        >>> spec = Augment(flip="alternating", crop_padding=2)
        >>> augment = Augmentation(spec, (1, 28, 28), [72.9], [90.0], "cpu", classes=10)
        >>> draws = augment.draws(60, seed=0, epoch=3)
        >>> images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
        >>> augment(images, draws[[7, 3, 20, 11]], epoch=3).shape
        torch.Size([4, 1, 28, 28])
    """

    def __init__(
        self,
        spec: Augment,
        shape: Shape,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device | str,
        classes: int,
    ) -> None:
        _check_channels(spec, shape)
        self._device = device
        self._normalize = Normalize(mean, std, device)
        self._move = FlipAndCrop(spec, shape) if spec.flip != "none" or spec.crop_padding else None
        self._before = _before_normalising(spec, shape, device)
        self._after = _after_normalising(spec, shape)
        self._mix = _mixing(spec, shape, classes)
        self._operations: list[Drawing] = [
            operation for operation in (self._move, *self._before, *self._after, self._mix) if operation is not None
        ]
        ends = accumulate((o.draw(Random(0, 0, 0)).shape[1] for o in self._operations), initial=0)
        self._columns = {o: slice(*bounds) for o, bounds in zip(self._operations, pairwise(ends), strict=True)}

    def draws(self, n: int, seed: int, epoch: int) -> Tensor | None:
        """Draw what an epoch does to every image, (n, K) float32 on the device; None when nothing is drawn.

        Everything random is worked out here, once an epoch, so that a batch only has to apply its rows.

        Args:
            n: number of training images.
            seed: of the run.
            epoch: from 0.
        """
        if not self._operations:
            return None
        random = Random(n, seed, epoch)
        values = np.concatenate([operation.draw(random) for operation in self._operations], axis=1, dtype=np.float32)
        return torch.from_numpy(values).to(self._device)

    def __call__(self, images: Tensor, draws: Tensor | None, epoch: int) -> Tensor:
        """Augment and normalise a batch.

        Args:
            images: (B, C, H, W) uint8; the result keeps its layout, contiguous or channels_last.
            draws: (B, K), the rows of these images.
            epoch: from 0; it tells which half an alternating flip mirrors.

        Returns:
            (B, C, H, W) float32.
        """
        images = dense(images)
        moved = images if self._move is None else self._move(images, self._of(draws, self._move), epoch)
        if not (self._before or self._after):
            return self._normalize(moved)
        pixels = moved.to(torch.float32, memory_format=torch.contiguous_format)
        for operation in self._before:
            pixels = operation(pixels, self._of(draws, operation))
        pixels = self._normalize.apply_(pixels)
        for operation in self._after:
            pixels = operation(pixels, self._of(draws, operation))
        if not images.is_contiguous():
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        return pixels.as_strided(images.shape, images.stride())

    def mix(self, images: Tensor, labels: Tensor, draws: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mix each image and label with the next one of the batch (the last with the first), where the recipe says so.

        Args:
            images: (B, C, H, W) float32, normalised.
            labels: (B,) int64.
            draws: (B, K), the rows of these images.

        Returns:
            Images of the same shape and layout, and soft labels (B, K) float32; both as they were without a mix.
        """
        if self._mix is None:
            return images, labels
        return self._mix(images, labels, self._of(draws, self._mix))

    def _of(self, draws: Tensor | None, operation: Drawing) -> Tensor:
        assert draws is not None, "an augmentation that draws needs the rows of its draws"
        return draws[:, self._columns[operation]]


def _check_channels(spec: Augment, shape: Shape) -> None:
    for key in COLOR_ONLY:
        if (value := getattr(spec, key)) and shape[0] != 3:
            raise InputError(
                f"augment.{key} = {value:g} needs images of three channels, but these have {shape[0]}",
                hint=f"leave it out: augment.{key}=0",
            )


def _before_normalising(spec: Augment, shape: Shape, device: torch.device | str) -> list[Operation]:
    operations: list[Operation] = []
    if any(getattr(spec, key) for key in AFFINE):
        operations.append(Affine(spec, shape))
    if spec.brightness:
        operations.append(brightness(spec.brightness))
    if spec.contrast:
        operations.append(contrast(spec.contrast))
    if spec.saturation:
        operations.append(saturation(spec.saturation))
    if spec.hue:
        operations.append(Hue(spec.hue, device))
    if spec.grayscale:
        operations.append(Grayscale(spec.grayscale))
    return operations


def _after_normalising(spec: Augment, shape: Shape) -> list[Operation]:
    operations: list[Operation] = []
    if spec.erase:
        operations.append(Erase(spec.erase, shape))
    if spec.cutout:
        operations.append(Cutout(spec.cutout, shape))
    return operations


def _mixing(spec: Augment, shape: Shape, classes: int) -> Mixup | CutMix | None:
    if spec.mixup:
        return Mixup(spec.mixup, classes)
    return CutMix(spec.cutmix, classes, shape) if spec.cutmix else None
