"""Random numbers that are a function of (seed, epoch, index) alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]


class Stream(IntEnum):
    """A stream of numbers for each purpose, so that switching one on leaves the others' numbers as they were."""

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
    SHARE = auto()
    PASTE = auto()


@dataclass(frozen=True)
class Random:
    """The random numbers of an epoch, for the first n images; more images do not change the numbers of these.

    Example:
        >>> few, more = (Random(n, seed=0, epoch=1).uniform(Stream.CUTOUT, 2) for n in (3, 60))
        >>> bool((few == more[:, :3]).all())
        True
    """

    n: int
    seed: int
    epoch: int

    def uniform(self, stream: Stream, rows: int = 1, each_epoch: bool = True) -> Numbers:
        """Draw (rows, n) numbers uniform in [0, 1); without ``each_epoch`` they are those of epoch 0."""
        return self._generator(stream, self.epoch * each_epoch).random((self.n, rows), dtype=np.float32).T

    def beta(self, stream: Stream, alpha: float) -> Numbers:
        """Draw (n,) numbers from Beta(alpha, alpha)."""
        return self._generator(stream, self.epoch).beta(alpha, alpha, self.n).astype(np.float32)

    def _generator(self, stream: Stream, epoch: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, stream)))
