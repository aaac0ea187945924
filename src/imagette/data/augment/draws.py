"""Random numbers that are a function of (seed, epoch, index) alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray


class Stream(IntEnum):
    """A stream of numbers for each operation, so that switching one on leaves the others' numbers as they were."""

    FLIP = auto()
    CROP = auto()
    AFFINE = auto()
    BRIGHTNESS = auto()
    CONTRAST = auto()
    SATURATION = auto()
    HUE = auto()
    GRAYSCALE = auto()
    ERASE = auto()
    CUTOUT = auto()
    MIX = auto()


@dataclass(frozen=True)
class Draw:
    """The random numbers that an operation needs for each image."""

    stream: Stream
    columns: int = 1
    """Numbers for an image, uniform in [0, 1)."""
    alpha: float = 0.0
    """Unless 0, the first column is drawn from Beta(alpha, alpha) instead."""
    each_epoch: bool = True
    """Whether an image gets new numbers every epoch, or keeps those of the first."""

    def numbers(self, n: int, seed: int, epoch: int) -> NDArray[np.float32]:
        """Draw the numbers of the first n images; more images do not change the numbers of these.

        Example:
            >>> Draw(Stream.CROP).numbers(2, seed=0, epoch=1) == Draw(Stream.CROP).numbers(3, seed=0, epoch=1)[:2]
            array([[ True],
                   [ True]])
        """
        uniform, beta = np.random.SeedSequence(seed, spawn_key=(epoch * self.each_epoch, self.stream)).spawn(2)
        values = np.random.default_rng(uniform).random((n, self.columns), dtype=np.float32)
        if self.alpha:
            values[:, 0] = np.random.default_rng(beta).beta(self.alpha, self.alpha, n)
        return values
