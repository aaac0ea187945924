"""Training, validation and test images are three things: how one set is divided, every class alike."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagette.data.imageset import ImageSet, Indices
from imagette.data.mapped import blocks


@dataclass(frozen=True)
class Splits:
    """The images a run trains on, those by which it chooses a model, and those it is tested on once."""

    train: ImageSet
    validation: ImageSet | None
    test: ImageSet

    @property
    def limited(self) -> int:
        """The number of images that ``data.limit`` counts: those to train on, and validation images split off them."""
        split_off = self.validation if self.validation and "validation_share" in self.validation.provenance else ()
        return len(self.train) + len(split_off)


@dataclass(frozen=True)
class Parts:
    """What a source brings, before anything is split off: often the training images alone."""

    train: ImageSet
    validation: ImageSet | None = None
    test: ImageSet | None = None


def stratified(labels: npt.ArrayLike, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Divide images in two, every class alike, at random.

    Of N images, round(``fraction`` · N) are taken; class c, with n_c images, gives ``fraction`` · n_c of them, rounded
    by the method of largest remainders. At least one image of every class is kept: what rare classes cannot give, the
    others do, as far as they can. Which ones are taken depends on the seed and the labels alone, on every machine and
    with every version of numpy.

    Args:
        labels: (N,) whole numbers.
        fraction: the share to take, 0 to 1.
        seed: another seed takes other images.

    Returns:
        The indices (kept, taken), each ascending.

    Example:
        >>> kept, taken = stratified([0, 0, 0, 0, 1, 1, 1, 1], 0.25, seed=0)
        >>> len(kept), len(taken), sorted(np.array([0, 0, 0, 0, 1, 1, 1, 1])[taken].tolist())
        (6, 2, [0, 1])
    """
    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    # The raw stream of a bit generator is the part of numpy's randomness that is promised never to change.
    stream = np.random.PCG64(seed)
    order = np.lexsort((stream.random_raw(len(codes)), codes))
    quota = _quotas(counts, round(fraction * len(codes)), stream.random_raw(len(counts)))
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    taken = rank < quota[codes]
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def _quotas(counts: Indices, total: int, lots: npt.NDArray[np.uint64]) -> Indices:
    """Share ``total`` among classes in proportion to their counts, by largest remainders, then by lot."""
    if not len(counts):
        return counts
    total = min(total, int((counts - 1).sum()))
    whole, remainder = np.divmod(counts * total, counts.sum())
    whole = np.minimum(whole, counts - 1)
    while missing := total - int(whole.sum()):
        able = np.flatnonzero(whole < counts - 1)
        whole[able[np.lexsort((lots[able], -remainder[able]))[:missing]]] += 1
    return whole


def duplicates(known: Sequence[ImageSet], other: ImageSet) -> int:
    """Count the images of ``other`` whose every pixel is that of an image in one of the ``known`` sets.

    Example:
        >>> images = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)
        >>> both = ImageSet(images, np.array([0, 1]), ("a", "b"), np.array(["x", "y"]))
        >>> duplicates([both, both], both.take([1]))
        1
    """
    theirs, found = _eight_pixels(other), set[bytes]()
    alike = np.zeros(len(other), np.bool_)
    for images in known:
        mine = _eight_pixels(images)
        found.update(_digests(images, np.isin(mine, theirs)))
        alike |= np.isin(theirs, mine)
    return sum(image in found for image in _digests(other, alike))


def _digests(imageset: ImageSet, chosen: npt.NDArray[np.bool_]) -> Iterator[bytes]:
    """Give 16 bytes for each chosen image, which are the same for the same pixels."""
    for block in blocks(imageset.images, np.flatnonzero(chosen)):
        yield from (hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in block)


def _eight_pixels(imageset: ImageSet) -> npt.NDArray[np.uint64]:
    """Give eight pixels of every image as one number: where they differ, the images do."""
    places = np.linspace(0, math.prod(imageset.shape) - 1, 10).astype(int)[1:-1]
    c, y, x = np.unravel_index(places, imageset.shape)
    eight = [np.ascontiguousarray(block[:, c, y, x]).view(np.uint64)[:, 0] for block in blocks(imageset.images)]
    return np.concatenate(eight) if eight else np.empty(0, np.uint64)
