"""The ground that the things in images lie on: light digits on dark, or a dark pen on light paper."""

from __future__ import annotations

import numpy as np

from imagette.core.console import say
from imagette.data.imageset import Images

SAMPLE = 1000  # images that are looked at, evenly spread
APART = 0.6  # of black to white: photographs of all kinds of grounds do not come so far from each other


def brightness(images: Images) -> float:
    """Measure how light some images (N, C, H, W) uint8 are along their borders, from 0 to 1, without transparency.

    Example:
        >>> frame = np.full((1, 1, 4, 4), 255, np.uint8)
        >>> frame[..., 1:3, 1:3] = 0
        >>> brightness(frame)
        1.0
    """
    colors = _colors(images[:: -(-len(images) // SAMPLE)])
    sides = colors[..., 0, :], colors[..., -1, :], colors[..., :, 0], colors[..., :, -1]
    return float(np.concatenate(sides, axis=-1).mean() / 255)


def inverted(images: Images) -> Images:
    """Turn light to dark and dark to light, and leave transparency as it is.

    Example:
        >>> inverted(np.full((1, 2, 1, 1), 255, np.uint8)).ravel().tolist()
        [0, 255]
    """
    copy = images.copy()
    colors = _colors(copy)
    np.subtract(255, colors, out=colors)
    return copy


def warn_of(images: Images, learned: float) -> None:
    """Say so when images lie on a light ground and those of the training on a dark one, or the other way around."""
    if len(images) and abs((found := brightness(images)) - learned) > APART:
        ends = ("light", "dark") if found > learned else ("dark", "light")
        say(
            f"these images lie on a {ends[0]} ground, and the run has learned from images on a {ends[1]} one: its "
            "answers mean little; --invert (invert=True in Python) turns light and dark around"
        )


def _colors(images: Images) -> Images:
    channels = images.shape[1]
    return images[:, : channels - (channels % 2 == 0)]
