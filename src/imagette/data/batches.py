"""Batches from a data set that is one uint8 tensor, on the device if it fits: gathered at once, no Python per image."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from imagette.data.augment import Augmentation
from imagette.data.imageset import ImageSet

# Gathered and augmented at once: an operation takes time to begin, whatever its size.
STRETCH, ON_A_GPU = 1 << 19, 1 << 23  # bytes of pixels
LONGEST = 16  # batches


def seed_of(*parts: int) -> int:
    """Mix whole numbers into one 63-bit seed; neighbours give unrelated seeds (numpy's SeedSequence).

    Example:
        >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
        (True, False)
    """
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0]) >> 1


def tensor(array: npt.NDArray[Any]) -> Tensor:
    """Give an array to torch, which warns of one that cannot be written to, as a mapped one; nobody writes to images.

    Example:
        >>> tensor(np.arange(2)).tolist()
        [0, 1]
    """
    if any(stride < 0 for stride in array.strides):  # mirrored, or BGR as RGB: torch takes no such view
        array = array.copy()
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


class Batches:
    """The training images, batch by batch, in an order that is a function of (seed, epoch) alone.

    Args:
        images: the data set.
        batch_size: images a batch.
        seed: decides the order of every epoch.
        shuffle: a new order each epoch, or the order of the data set.
        drop_last: leave out the last batch where it is smaller.
        device: where the batches are used.
        channels_last: give the batches in that memory format.
        resident: move the pixels to the device once; else they stay in host memory or in their mapped file, and batches
            move.

    Attributes:
        together: how many batches are gathered and augmented at once.

    Example:
        >>> import numpy as np
        >>> from imagette.data.imageset import ImageSet
        >>> from imagette.recipe.schema import Augment
        >>> pixels = np.zeros((5, 1, 2, 2), np.uint8)
        >>> few = ImageSet(pixels, np.array([0, 1, 0, 1, 0]), ("a", "b"), np.arange(5).astype(str), {})
        >>> batches = Batches(few, batch_size=2)
        >>> augmentation = Augmentation(Augment(), few.shape, [0.0], [1.0], "cpu", classes=2)
        >>> [len(labels) for _, _, labels in batches.augmented(augmentation, None, epoch=0)]
        [2, 2, 1]
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        device: torch.device | str = "cpu",
        channels_last: bool = True,
        resident: bool = True,
    ) -> None:
        # Rows hold whole pixels for channels_last: the gather then yields that format without another copy.
        pixels = images.images.transpose(0, 2, 3, 1) if channels_last else images.images
        self.device = torch.device(device)
        home = self.device if resident else torch.device("cpu")
        # (N, H, W, C) or (N, C, H, W) uint8; no copy of a set that lies so already
        self.pixels = tensor(np.ascontiguousarray(pixels) if resident else pixels).to(home)
        self.labels = torch.from_numpy(images.labels).to(home)  # (N,) int64
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        stretch = STRETCH if self.device.type == "cpu" else ON_A_GPU
        self.together = max(1, min(stretch // max(1, batch_size * pixels[:1].nbytes), LONGEST))
        self.channels_last = channels_last
        self.used = len(images) - (len(images) % batch_size if drop_last else 0)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return math.ceil(self.used / self.batch_size)

    def order(self, epoch: int) -> Tensor:
        """Give the epoch's order of images, (N,) int64."""
        n = len(self.labels)
        if not self.shuffle:
            return torch.arange(n)
        return torch.randperm(n, generator=torch.Generator().manual_seed(seed_of(self.seed, 0, epoch)))

    def augmented(
        self, augmentation: Augmentation, draws: Tensor | None, epoch: int, start: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield each batch of an epoch from ``start`` on, ready to learn from.

        Args:
            augmentation: what is done to the images.
            draws: its random numbers for this epoch, a row for each image of the data set; None when it has none.
            epoch: decides the order.
            start: the first batch that is wanted.

        Yields:
            Images (B, C, H, W) float32, targets and labels: both (B,) int64, or targets (B, K) float32 where labels are
            mixed.
        """
        # A stretch that is entered in the middle is augmented whole: the last digits of a number depend on its place.
        first, skipped = divmod(start, self.together)
        for index, pixels, labels in self._stretches(epoch, first):
            rows = None if draws is None else draws.index_select(0, index)
            parts = [augmentation(pixels, rows, epoch), labels] + ([] if rows is None else [rows])
            batches = zip(*(torch.split(part, self.batch_size) for part in parts), strict=True)
            for images, of_images, *row in islice(batches, skipped, None):
                yield *augmentation.mix(images, of_images, *row), of_images
            skipped = 0

    def _stretches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = self.order(epoch)[: self.used].to(self.pixels.device)
        for index in torch.split(order, self.together * self.batch_size)[first : len(self)]:
            images = self.pixels.index_select(0, index).to(self.device)
            yield (
                index.to(self.device),
                images.permute(0, 3, 1, 2) if self.channels_last else images,
                self.labels.index_select(0, index).to(self.device),
            )
