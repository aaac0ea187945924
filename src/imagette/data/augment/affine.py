"""Affine maps: turn, shift, resize, slant."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional

from imagette.core.shape import Shape
from imagette.data.augment.color import transparency
from imagette.data.augment.draws import Numbers, Random, Stream
from imagette.recipe.schema import Augment


class Affine:
    r"""Turn, shift, resize and slant about the centre, by bilinear interpolation; what comes from outside is 0.

    Only its transparency is that of the nearest edge.

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

    def __init__(self, spec: Augment, shape: Shape) -> None:
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
        mapped = functional.grid_sample(pixels, grid, align_corners=False)
        if (clear := transparency(pixels)) is not None:
            mapped[:, -1:] = functional.grid_sample(clear, grid, align_corners=False, padding_mode="border")
        return mapped
