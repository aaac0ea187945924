"""Mirror and padded random crop, by copying stretches of memory."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.augment.color import transparency
from imagette.data.augment.draws import Numbers, Random, Stream
from imagette.recipe.schema import Augment


class FlipAndCrop:
    r"""Mirror left-right, pad, and crop at random, all by copying stretches of memory.

    A row of a crop is a stretch of memory within the padded image. The memory of an image read backwards holds its
    rows mirrored, the last one first; so a batch, and the same batch backwards behind it, hold every row of every crop,
    plain and mirrored, and a batch of crops is one choice of stretches. A crop is one of :math:`(2p + 1)^2`, all
    equally likely. Transparency is padded with that of the image's edge: black around an opaque image is opaque, and
    what is around a clear one is clear.

    Args:
        spec: flip, crop_padding and crop_fill are read.
        shape: (C, H, W) of the images.

    Raises:
        InputError: when the padding is not smaller than the image.

    Source: He et al., 2015, section 4.2 (crop and random flip); Jordan, 2024, arXiv:2404.00498 (alternating flip).
    """

    def __init__(self, spec: Augment, shape: Shape) -> None:
        if spec.crop_padding >= min(shape[1:]):
            raise InputError(
                f"augment.crop_padding = {spec.crop_padding} is not smaller than the images, "
                f"which have {shape[1]}x{shape[2]} pixels",
                hint="an eighth of the side is usual",
            )
        self._flip, self._padding, self._fill = spec.flip, spec.crop_padding, spec.crop_fill
        self._crops = (2 * spec.crop_padding + 1) ** 2

    def draw(self, random: Random) -> Numbers:
        """Choose a crop of every image, (n, 1); those of the mirrored images are counted behind the plain ones."""
        choice = np.floor(random.uniform(Stream.CROP) * self._crops)
        if self._flip != "none":
            choice += self._crops * (random.uniform(Stream.FLIP, each_epoch=self._flip == "random") < 0.5)
        return choice.T

    def __call__(self, images: Tensor, choices: Tensor, epoch: int) -> Tensor:
        """Give the chosen (B, 1) crops of images (B, C, H, W) uint8, in the same layout."""
        batch, channels, _, width = images.shape
        channels_last = not images.is_contiguous()
        padded = self._padded(images, channels_last)
        pixels = padded.permute(0, 2, 3, 1).reshape(batch, -1, channels) if channels_last else padded.flatten(2)
        memory = torch.cat((pixels, pixels.flip(1 if channels_last else 2))) if self._flip != "none" else pixels
        length = width * channels if channels_last else width
        stretches = memory.as_strided((memory.numel() - length + 1, length), (1, 1))
        first, rows = _places(images.shape, self._padding, channels_last, images.device)
        exchanged = epoch % 2 if self._flip == "alternating" else 0
        begins = rows[exchanged].index_select(0, choices[:, 0].long()) + first
        return stretches.index_select(0, begins.view(-1)).as_strided(images.shape, images.stride())

    def _padded(self, images: Tensor, channels_last: bool) -> Tensor:
        if not self._padding:
            return images
        if self._fill == "zero":
            padded = functional.pad(images, (self._padding,) * 4)
            if (clear := transparency(images)) is not None:
                padded[:, -1:] = functional.pad(clear.contiguous(), (self._padding,) * 4, mode="replicate")
            return padded
        padded = functional.pad(images.contiguous(), (self._padding,) * 4, mode="reflect")  # slow in channels_last
        return padded.contiguous(memory_format=torch.channels_last) if channels_last else padded


@lru_cache(maxsize=8)
def _places(shape: torch.Size, padding: int, channels_last: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """Give where the crops lie in the memory of a padded batch of images.

    Returns:
        (B, 1) int64, where each image begins, and (2, 2 crops, rows) int64, where from there the rows of each choice
        begin; and the same with plain and mirrored exchanged.
    """
    batch, channels, height, width = shape
    planes, pixel = (1, channels) if channels_last else (channels, 1)  # pixel: bytes to the next column
    high, pitch = height + 2 * padding, (width + 2 * padding) * pixel
    plane = torch.arange(planes)[:, None] * high * pitch
    shift = torch.arange(2 * padding + 1)
    y = shift[:, None, None, None] + torch.arange(height)
    x = shift[:, None, None] * pixel
    plain = (plane + y * pitch + x).flatten(2).flatten(0, 1)
    backwards = (plane + (high - 1 - y) * pitch + x).flatten(2).flatten(0, 1) + batch * planes * high * pitch
    first = torch.arange(batch)[:, None] * planes * high * pitch
    rows = torch.stack((torch.cat((plain, backwards)), torch.cat((backwards, plain))))
    return first.to(device), rows.to(device)
