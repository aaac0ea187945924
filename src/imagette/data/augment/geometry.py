"""Where the pixels are: mirror, padded random crop, affine maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagette.core.errors import InputError
from imagette.data.augment.draws import Numbers, Random, Stream
from imagette.recipe.schema import Augment


class FlipAndCrop:
    r"""Mirror left-right, pad, and crop at random, all in one copy of the rows.

    A padded batch holds every crop of an image as stretches of W pixels, one for each row, that begin anywhere; so
    the batch, and its mirror image behind it, are read as a table of all their stretches, of which the crops are a
    choice of rows. A crop is one of :math:`(2p + 1)^2`, all equally likely.

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
        self._choices = (2 * spec.crop_padding + 1) ** 2
        self._tables: dict[tuple[torch.Size, bool], _Table] = {}

    def draw(self, random: Random) -> Numbers:
        """Choose a crop of every image, (n, 1); those of the mirrored images are counted behind the plain ones."""
        choice = np.floor(random.uniform(Stream.CROP) * self._choices)
        if self._flip != "none":
            choice += self._choices * (random.uniform(Stream.FLIP, each_epoch=self._flip == "random") < 0.5)
        return choice.T

    def __call__(self, images: Tensor, choice: Tensor, epoch: int) -> Tensor:
        """Give the chosen (B, 1) crops of images (B, C, H, W) uint8, in the same layout."""
        table = self._table(images)
        source = functional.pad(images.contiguous(), (self._padding,) * 4, mode="reflect") if self._reflect else images
        table.plain.copy_(source)
        if self._flip != "none":
            table.mirrored.copy_(source.flip(-1))
        other_half = self._flip == "alternating" and epoch % 2 == 1
        chosen = table.rows + table.starts[other_half].index_select(0, choice[:, 0].long())[:, None]
        return table.stretches.index_select(0, chosen.view(-1)).as_strided(images.shape, images.stride())

    def _table(self, images: Tensor) -> _Table:
        key = (images.shape, images.is_contiguous())
        if key not in self._tables:
            self._tables[key] = _Table.make(images, self._padding, whole=self._reflect)
        return self._tables[key]


@dataclass(frozen=True)
class _Table:
    """A buffer for a padded batch and its mirror image, kept from batch to batch, and the places in it."""

    plain: Tensor
    """(B, C, H, W), where the batch is put; the whole of the padded batch where the padding is not 0."""
    mirrored: Tensor
    """Where its mirror image is put."""
    stretches: Tensor
    """(any place, bytes of a row), overlapping."""
    rows: Tensor
    """(B, rows of an image) int64, where the rows of each image's first crop begin."""
    starts: tuple[Tensor, Tensor]
    """(2 choices,) int64, how far on each choice begins; then the same with plain and mirrored exchanged."""

    @classmethod
    def make(cls, images: Tensor, padding: int, whole: bool) -> _Table:
        batch, channels, height, width = images.shape
        high, wide = height + 2 * padding, width + 2 * padding
        if images.is_contiguous():
            pixel, planes = 1, channels  # bytes to the next pixel; runs of rows in an image
            padded = images.new_zeros(2 * batch, channels, high, wide)
        else:
            pixel, planes = channels, 1
            padded = images.new_zeros(2 * batch, high, wide, channels).permute(0, 3, 1, 2)
        inner = padded if whole else padded[:, :, padding : padding + height, padding : padding + width]
        pitch, bytes_of_row = wide * pixel, width * pixel
        plane = torch.arange(batch * planes)[:, None] * high * pitch
        shifts = torch.arange(2 * padding + 1)
        starts = (shifts[:, None] * pitch + shifts * pixel).flatten()
        mirrored = starts + batch * planes * high * pitch
        return cls(
            inner[:batch],
            inner[batch:],
            padded.as_strided((padded.numel() - bytes_of_row + 1, bytes_of_row), (1, 1)),
            (plane + torch.arange(height) * pitch).view(batch, -1).to(images.device),
            (torch.cat((starts, mirrored)).to(images.device), torch.cat((mirrored, starts)).to(images.device)),
        )


class Affine:
    r"""Turn, shift, resize and slant about the centre, by bilinear interpolation; what comes from outside is 0.

    A pixel at :math:`q` (from the centre, y downwards) is taken from
    :math:`p = \frac 1 s S_\phi^{-1} R_\theta^{-1} (q - t)`, with the turn
    :math:`R_\theta = \begin{pmatrix}\cos\theta & -\sin\theta\\ \sin\theta & \cos\theta\end{pmatrix}` and the slant
    :math:`S_\phi = \begin{pmatrix}1 & -\tan\phi\\ 0 & 1\end{pmatrix}`; :math:`\theta`, :math:`\phi`, :math:`s - 1`
    and each part of :math:`t` are uniform within their bounds.

    Args:
        spec: rotation, translate, scale and shear are read.
        shape: (C, H, W) of the images.

    Source: Simard et al., 2003; the parameters are those of torchvision's RandomAffine.
    """

    def __init__(self, spec: Augment, shape: tuple[int, int, int]) -> None:
        self._bounds = (
            math.radians(spec.rotation),
            spec.translate,
            spec.translate,
            spec.scale,
            math.radians(spec.shear),
        )
        self._aspect = shape[1] / shape[2]

    def draw(self, random: Random) -> Numbers:
        """Make the map of every image, (n, 6): a 2x3 matrix in units of half a side, as grid_sample counts."""
        uniform = random.uniform(Stream.AFFINE, 5)
        angle, x, y, larger, slant = ((2 * u - 1) * bound for u, bound in zip(uniform, self._bounds, strict=True))
        sin, cos, tan, size = np.sin(angle), np.cos(angle), np.tan(slant), 1 + larger
        a, b = (cos - tan * sin) / size, (sin + tan * cos) / size * self._aspect
        c, d = -sin / size / self._aspect, cos / size
        return np.stack((a, b, -2 * (a * x + b * y), c, d, -2 * (c * x + d * y)), 1)

    def __call__(self, pixels: Tensor, maps: Tensor) -> Tensor:
        """Map pixels (B, C, H, W) float32 by maps (B, 6)."""
        grid = functional.affine_grid(maps.reshape(-1, 2, 3), list(pixels.shape), align_corners=False)
        return functional.grid_sample(pixels, grid, align_corners=False)
