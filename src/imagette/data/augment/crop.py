"""Mirror and padded random crop, by copying stretches of memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagette.core.errors import InputError
from imagette.data.augment.draws import Numbers, Random, Stream
from imagette.recipe.schema import Augment


class FlipAndCrop:
    r"""Mirror left-right, pad, and crop at random, all by copying stretches of memory.

    The batch, and its mirror image behind it, lie in a buffer in which a crop is a stretch of memory that begins so
    many bytes before or behind its image: a batch of crops is then one choice of stretches. A crop is one of
    :math:`(2p + 1)^2`, all equally likely.

    Args:
        spec: flip, crop_padding and crop_fill are read.
        shape: (C, H, W) of the images.

    Raises:
        InputError: when the padding is not smaller than the image.

    Source: He et al., 2015, section 4.2 (crop and random flip); Jordan, 2024, arXiv:2404.00498 (alternating flip).
    """

    def __init__(self, spec: Augment, shape: tuple[int, int, int]) -> None:
        if spec.crop_padding >= min(shape[1:]):
            raise InputError(
                f"augment.crop_padding = {spec.crop_padding} is not smaller than the images, "
                f"which have {shape[1]}x{shape[2]} pixels",
                hint="an eighth of the side is usual",
            )
        self._flip, self._padding = spec.flip, spec.crop_padding
        self._reflect = spec.crop_fill == "reflect" and spec.crop_padding > 0
        self._shifts = 2 * spec.crop_padding + 1
        self._buffers: dict[tuple[torch.Size, bool], _Buffer] = {}

    def draw(self, random: Random) -> Numbers:
        """Choose a crop of every image, (n, 1); those of the mirrored images are counted behind the plain ones."""
        crops = self._shifts**2
        choice = np.floor(random.uniform(Stream.CROP) * crops)
        if self._flip != "none":
            choice += crops * (random.uniform(Stream.FLIP, each_epoch=self._flip == "random") < 0.5)
        return choice.T

    def __call__(self, images: Tensor, choices: Tensor, epoch: int) -> Tensor:
        """Give the chosen (B, 1) crops of images (B, C, H, W) uint8, in the same layout."""
        buffer, choice = self._buffer(images), choices[:, 0].long()
        source = functional.pad(images.contiguous(), (self._padding,) * 4, mode="reflect") if self._reflect else images
        buffer.plain.copy_(source)
        if self._flip != "none":
            buffer.mirrored.copy_(source.flip(-1))
        half = epoch % 2 if self._flip == "alternating" else 0
        begins = buffer.begins + buffer.shifts[half].index_select(0, choice)[:, None]
        crops = buffer.stretches.index_select(0, begins.view(-1))
        if buffer.inside is not None:
            inside = buffer.inside.index_select(0, choice % self._shifts)
            crops.view(*begins.shape, -1).mul_(inside[:, None])
        return crops.as_strided(images.shape, images.stride())

    def _buffer(self, images: Tensor) -> _Buffer:
        key = (images.shape, images.is_contiguous())
        if key not in self._buffers:
            self._buffers[key] = _Buffer.make(images, self._padding, self._reflect)
        return self._buffers[key]


@dataclass(frozen=True)
class _Buffer:
    """Memory for a batch and its mirror image, kept from batch to batch, and where the crops lie in it.

    Filled with zeros, the images lie whole, p rows of zeros apart: a crop is one stretch, of which the columns that
    come from the neighbouring row must be blanked. With reflection each row is padded: a crop is a stretch a row.
    """

    plain: Tensor
    """(B, C, H, W), or (B, C, H + 2p, W + 2p) with reflection: where the batch is put."""
    mirrored: Tensor
    """Where its mirror image is put."""
    stretches: Tensor
    """(bytes, length) of which row i begins at byte i: they overlap."""
    begins: Tensor
    """(B, stretches of an image) int64, where those of each image's first crop begin."""
    shifts: Tensor
    """(2, 2 crops) int64, how much later each choice begins; and the same with plain and mirrored exchanged."""
    inside: Tensor | None
    """(2p + 1, length) uint8, 1 where a column of the crop comes from its own row; None when all do."""

    @classmethod
    def make(cls, images: Tensor, padding: int, reflect: bool) -> _Buffer:
        batch, channels, height, width = images.shape
        planes, pixel = (channels, 1) if images.is_contiguous() else (1, channels)
        high, wide = (height + 2 * padding, width + 2 * padding) if reflect else (height + padding, width)
        pitch, half = wide * pixel, batch * planes * high * wide * pixel
        margin = 0 if reflect else padding * (pitch + pixel)  # before the first crop of the first image
        memory = images.new_zeros(2 * half + 2 * margin)
        whole = memory[margin : margin + 2 * half].view(2 * batch, planes, high, wide, pixel)
        padded = whole.permute(0, 1, 4, 2, 3).flatten(1, 2)  # (2B, C, high, wide), of the images' layout
        filled = padded if reflect else padded[:, :, :height]
        parts, length = (height, width * pixel) if reflect else (1, height * pitch)
        begins = torch.arange(batch * planes)[:, None] * high * pitch + torch.arange(parts) * pitch
        shift = torch.arange(2 * padding + 1)
        plain = (shift[:, None] * pitch + shift * pixel).flatten()
        columns = shift[:, None] + torch.arange(width) - padding
        inside = ((columns >= 0) & (columns < width)).repeat_interleave(pixel, 1).repeat(1, height)
        return cls(
            filled[:batch],
            filled[batch:],
            memory.as_strided((memory.numel() - length + 1, length), (1, 1)),
            begins.view(batch, -1).to(images.device),
            torch.stack((torch.cat((plain, plain + half)), torch.cat((plain + half, plain)))).to(images.device),
            None if reflect or not padding else inside.to(images.device, torch.uint8),
        )
