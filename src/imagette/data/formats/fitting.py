"""Arrays of images to another shape, and whether they fit in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from imagette.core import machine
from imagette.core.console import track
from imagette.core.shape import Shape
from imagette.data.formats.decode import fit, picture
from imagette.data.imageset import Images, ImageSet


def conform(imageset: ImageSet, shape: Shape) -> ImageSet:
    """Bring images to a shape, pixel for pixel as if they had been read from files.

    Args:
        imageset: the images.
        shape: (channels, height, width).

    Example:
        >>> one = ImageSet(np.full((1, 1, 2, 2), 9, np.uint8), np.array([0]), ("a",), np.array(["x"]))
        >>> wide = conform(one, (3, 4, 4))
        >>> wide.shape, dict(wide.provenance["conversions"])
        ((3, 4, 4), {'gray to colour': 1, 'resized': 1})
    """
    if imageset.shape == shape:
        return imageset
    images, done = fit_all(imageset.images, shape)
    conversions = Counter(imageset.provenance.get("conversions", {})) + Counter(done)
    return replace(imageset, images=images, provenance={**imageset.provenance, "conversions": dict(conversions)})


def fit_all(images: Images, shape: Shape) -> tuple[Images, dict[str, int]]:
    """Bring an array of images to a shape, pixel for pixel as if they had been read from files.

    Args:
        images: (N, C, H, W) uint8.
        shape: the wanted (C, H, W).

    Returns:
        The images, (N, C, H, W) uint8, and how often each conversion was made.
    """
    check_in_memory((len(images), *shape))
    fitted = np.empty((len(images), *shape), np.uint8)
    conversions: Counter[str] = Counter()
    with track("converting images", total=len(images), unit="images") as advance:
        for i, pixels in enumerate(images):
            fitted[i], done = fit(picture(pixels), shape)
            conversions.update(done)
            advance(1)
    return fitted, dict(conversions)


def check_in_memory(shape: tuple[int, ...]) -> None:
    """Refuse an array of bytes that would take most of the machine's memory.

    Raises:
        InputError: with the sizes.
    """
    size, what = int(np.prod(shape, dtype=object)), f"{shape[0]:,} images of {'×'.join(map(str, shape[1:]))}"
    machine.check_memory(size, what, hint="make them smaller, as with data.size=64, or use fewer")
