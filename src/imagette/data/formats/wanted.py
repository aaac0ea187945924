"""What a set of images shall be like once it is imported: what a recipe asks for, or what its training images are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imagette.core.shape import Shape
from imagette.data.imageset import ImageSet

CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}  # that are asked for; native asks for none


@dataclass(frozen=True)
class Wanted:
    """What a set of images shall be like once it is imported."""

    size: int = 0
    """Side in pixels; 0 keeps a common size, else takes the median side."""
    channels: Literal["native", "gray", "rgb", "rgba"] = "native"
    """Native is gray where every image is gray, else colour; rgba is colour with transparency, which the others lay on
    white."""
    skip_unreadable: bool = False
    allow_empty_classes: bool = False
    shape: Shape | None = None
    """What the training images have, for those that go with them; overrides size and channels."""
    classes: tuple[str, ...] | None = None
    """Likewise: labels mean the classes of the training images, by name."""

    def like(self, train: ImageSet) -> Wanted:
        """Ask for images that go with these training images."""
        return replace(self, shape=train.shape, classes=train.classes)
