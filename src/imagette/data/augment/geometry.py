"""Where the pixels are: mirror, padded random crop, affine maps."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from imagette.core.errors import InputError
from imagette.data.augment.draws import Draw, Stream
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
        self._flip, self._padding = spec.flip, spec.crop_padding
        self._mode = "reflect" if spec.crop_fill == "reflect" else "constant"
        if self._padding >= min(shape[1:]):
            raise InputError(
                f"augment.crop_padding = {self._padding} is not smaller than the images, "
                f"which have {shape[1]}x{shape[2]} pixels",
                hint="a padding of an eighth of the side is usual",
            )
        flip = Draw(Stream.FLIP, each_epoch=self._flip == "random")
        self.draws = (flip,) * (self._flip != "none") + (Draw(Stream.CROP),) * (self._padding > 0)

    def __call__(self, images: Tensor, numbers: Tensor, epoch: int) -> Tensor:
        """Give the crops of images (B, C, H, W) uint8, by numbers (B, 1 or 2), in the same layout."""
        channels_last = not images.is_contiguous()
        padded = self._padded(images, channels_last)
        rows, starts = _table(images.shape, self._padding, channels_last, images.device)
        width = images.shape[3] * (images.shape[1] if channels_last else 1)
        batches = torch.cat((padded, padded.flip(-1))) if self._flip != "none" else padded
        stretches = batches.as_strided((batches.numel() - width + 1, width), (1, 1))
        chosen = rows + starts[self._choice(numbers, epoch)][:, None]
        return stretches.index_select(0, chosen.view(-1)).as_strided(images.shape, images.stride())

    def _padded(self, images: Tensor, channels_last: bool) -> Tensor:
        if not self._padding:
            return images
        if self._mode == "constant":
            return functional.pad(images, (self._padding,) * 4)
        padded = functional.pad(images.contiguous(), (self._padding,) * 4, mode="reflect")  # slow in channels_last
        return padded.contiguous(memory_format=torch.channels_last) if channels_last else padded

    def _choice(self, numbers: Tensor, epoch: int) -> Tensor:
        """Number the crop of each image (B,): those of the mirrored images follow the plain ones."""
        places = (2 * self._padding + 1) ** 2
        choice = (
            (numbers[:, -1] * places).long() if self._padding else numbers.new_zeros(len(numbers), dtype=torch.int64)
        )
        if self._flip == "none":
            return choice
        other_half = self._flip == "alternating" and epoch % 2 == 1
        mirrored = numbers[:, 0] >= 0.5 if other_half else numbers[:, 0] < 0.5
        return choice.add_(mirrored, alpha=places)


@lru_cache(maxsize=8)
def _table(
    shape: tuple[int, int, int, int], padding: int, channels_last: bool, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Give where the rows of the first crop of every image begin (B, rows), and how far on each choice is (2K,)."""
    batch, channels, height, width = shape
    pixel = channels if channels_last else 1  # bytes from a pixel to its right neighbour
    planes = 1 if channels_last else channels
    pitch, side = (width + 2 * padding) * pixel, height + 2 * padding
    image, plane = torch.arange(batch)[:, None, None], torch.arange(planes)[:, None]
    rows = (image * planes + plane) * side * pitch + torch.arange(height) * pitch
    shifts = torch.arange(2 * padding + 1)
    starts = (shifts[:, None] * pitch + shifts * pixel).flatten()
    starts = torch.cat((starts, starts + batch * planes * side * pitch))
    return rows.view(batch, -1).to(device), starts.to(device)


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
        device: where the images are.

    Source: Simard et al., 2003; the parameters are those of torchvision's RandomAffine.
    """

    draws = (Draw(Stream.AFFINE, columns=5),)

    def __init__(self, spec: Augment, shape: tuple[int, int, int], device: torch.device | str) -> None:
        bounds = (math.radians(spec.rotation), spec.translate, spec.translate, spec.scale, math.radians(spec.shear))
        self._bounds = torch.tensor(bounds, device=device)
        self._aspect = shape[1] / shape[2]

    def __call__(self, pixels: Tensor, numbers: Tensor) -> Tensor:
        """Map pixels (B, C, H, W) float32 by numbers (B, 5)."""
        angle, x, y, larger, slant = ((2 * numbers - 1) * self._bounds).unbind(1)
        sin, cos, tan = angle.sin(), angle.cos(), slant.tan()
        matrix = torch.stack((cos - tan * sin, (sin + tan * cos) * self._aspect, -sin / self._aspect, cos), 1)
        matrix = matrix.div_(1 + larger[:, None]).view(-1, 2, 2)  # in units of half a side, as grid_sample counts
        shift = matrix * torch.stack((x, y), 1)[:, None] * -2
        theta = torch.cat((matrix, shift.sum(2, keepdim=True)), 2)
        grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
        return functional.grid_sample(pixels, grid, align_corners=False)
