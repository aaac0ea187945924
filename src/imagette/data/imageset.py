"""Labelled images as every part of Imagette passes them on: pixels, labels, names, and where they came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.mapped import blocks

CHANNELS = range(1, 5)  # gray, gray with transparency, colour, colour with transparency
Images = npt.NDArray[np.uint8]  # (N, C, H, W)
Labels = npt.NDArray[np.int64]  # (N,)
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one size with their labels, the names of the classes, and their history.

    Args:
        images: (N, C, H, W) uint8, C being 1 (gray) or 3 (red, green, blue); 2 and 4 are these with transparency behind
            them, 0 clear and 255 opaque.
        labels: (N,) int64, each an index into ``classes``.
        classes: the names of the classes; they travel with the images into checkpoints and exports.
        ids: (N,) str, by which an image is found again: a file's path in its folder, ``test/17``, ``file.csv:18``.
        provenance: where the images came from and what was done to them; JSON-able.

    Raises:
        InputError: when shapes, types or labels do not fit each other.

    Example:
        >>> images = np.zeros((2, 1, 8, 8), np.uint8)
        >>> two = ImageSet(images, np.array([0, 1]), ("cat", "dog"), np.array(["1.png", "2.png"]))
        >>> len(two), two.shape, two.take([1]).ids.tolist()
        (2, (1, 8, 8), ['2.png'])
    """

    images: Images
    labels: Labels
    classes: tuple[str, ...]
    ids: npt.NDArray[np.str_]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[1] not in CHANNELS:
            raise InputError(
                f"images are {self.images.dtype} of shape {self.images.shape}",
                hint="give uint8 (N, C, H, W) with C = 1 to 4",
            )
        if 0 in self.images.shape[2:]:
            raise InputError(f"images of shape {self.images.shape} hold no pixel")
        if self.labels.shape != (n,) or self.labels.dtype != np.int64:
            raise InputError(
                f"labels are {self.labels.dtype} of shape {self.labels.shape}", hint=f"give int64 ({n},), one an image"
            )
        if self.ids.shape != (n,) or self.ids.dtype.kind != "U":
            raise InputError(f"ids are {self.ids.dtype} of shape {self.ids.shape}", hint=f"give {n} strings")
        if len(set(self.classes)) != len(self.classes):
            raise InputError(f"a class name occurs twice: {', '.join(self.classes)}")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if len(wrong):
            raise InputError(
                f"label {self.labels[wrong[0]]} of image {str(self.ids[wrong[0]])!r} is out of range",
                hint=f"there are {len(self.classes)} classes: labels go from 0 to {len(self.classes) - 1}",
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        c, h, w = self.shape
        return f"ImageSet({len(self):,} images of {c}×{h}×{w}, {len(self.classes)} classes)"

    @property
    def shape(self) -> Shape:
        """One image's (channels, height, width)."""
        _, c, h, w = self.images.shape
        return c, h, w

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that are the same for the same pixels, labels and class names in the same order.

        Example:
            >>> images = np.zeros((1, 1, 2, 2), np.uint8)
            >>> one = ImageSet(images, np.array([0]), ("a", "b"), np.array(["x"]))
            >>> one.fingerprint == ImageSet(images, np.array([1]), ("a", "b"), np.array(["x"])).fingerprint
            False
        """
        total = hashlib.sha256(json.dumps([self.images.shape, self.classes]).encode())
        for block in blocks(self.images):
            total.update(np.ascontiguousarray(block).data)
        total.update(np.ascontiguousarray(self.labels, "<i8").data)
        return total.hexdigest()[:16]

    def take(self, indices: npt.ArrayLike) -> ImageSet:
        """Give the images at these indices, in this order, with the same classes and history.

        Args:
            indices: (M,) whole numbers from 0 to N − 1, or a mask (N,) of booleans.

        Raises:
            InputError: for anything else.
        """
        chosen = np.asarray(indices)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        whole = not chosen.size or np.issubdtype(chosen.dtype, np.integer)
        if chosen.ndim != 1 or not whole or (chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self)):
            raise InputError(
                f"indices of type {chosen.dtype} and shape {chosen.shape} take no part of {len(self):,} images",
                hint=f"give whole numbers from 0 to {len(self) - 1}, or a mask of {len(self)} booleans",
            )
        chosen = chosen.astype(np.int64)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen], ids=self.ids[chosen])

    def note(self, text: str) -> ImageSet:
        """Add a line to the history that a user should read."""
        return replace(self, provenance={**self.provenance, "notes": [*self.provenance.get("notes", []), text]})

    def counts(self) -> dict[str, int]:
        """Count the images of every class.

        Example:
            >>> images = np.zeros((2, 1, 2, 2), np.uint8)
            >>> ImageSet(images, np.array([0, 0]), ("a", "b"), np.array(["x", "y"])).counts()
            {'a': 2, 'b': 0}
        """
        found = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))
