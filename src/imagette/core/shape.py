"""The shape of an image, as all parts of Imagette pass it on."""

from __future__ import annotations

Shape = tuple[int, int, int]  # channels, height, width
