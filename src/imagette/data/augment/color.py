"""What the pixels hold: brightness, contrast, saturation, hue, grayscale; on pixels in 0 to 255, in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from imagette.data.augment.draws import Numbers, Random, Stream

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # shares of a gray, ITU-R BT.601


def gray(pixels: Tensor) -> Tensor:
    """Give the gray (B, 1, ...) of pixels (B, C, ...): of three channels by their luminance, else their mean."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    return (pixels[:, :1] * RED).add_(pixels[:, 1:2], alpha=GREEN).add_(pixels[:, 2:], alpha=BLUE)


def transparency(pixels: Tensor) -> Tensor | None:
    """Give the view (B, 1, ...) of the transparency of pixels (B, C, ...), the last of two or four channels."""
    return None if pixels.shape[1] % 2 else pixels[:, -1:]


def colours(pixels: Tensor) -> Tensor:
    """Give the view of pixels (B, C, ...) without their transparency."""
    return pixels if transparency(pixels) is None else pixels[:, :-1]


def blend_(pixels: Tensor, other: Tensor | float, share: Tensor) -> Tensor:
    """Make pixels (B, C, H, W) ``share * pixels + (1 - share) * other``, within 0 to 255; share is (B, 1)."""
    share = share[:, :, None, None]
    return pixels.mul_(share).add_((1 - share) * other).clamp_(0, 255)


class Jitter:
    """Multiply the distance from something by a random factor in [1 - strength, 1 + strength], but not under 0.

    Transparency stays as it is.

    Args:
        stream: which random numbers.
        strength: largest change of the factor.
        origin: gives of pixels (B, C, H, W) what the distance is from, (B, 1, ...).

    Source: torchvision's ColorJitter, by its documentation; the order of the changes is fixed here.
    """

    def __init__(self, stream: Stream, strength: float, origin: Callable[[Tensor], Tensor | float]) -> None:
        self._stream, self._strength, self._origin = stream, strength, origin

    def draw(self, random: Random) -> Numbers:
        """Choose every image's factor, (n, 1)."""
        factor: Numbers = 1 + self._strength * (2 * random.uniform(self._stream) - 1)
        return factor.clip(min=0).T

    def __call__(self, pixels: Tensor, factor: Tensor) -> Tensor:
        """Change pixels (B, C, H, W) float32 by factors (B, 1)."""
        changed = colours(pixels)
        blend_(changed, self._origin(changed), factor)
        return pixels


def brightness(strength: float) -> Jitter:
    """Change the distance from black."""
    return Jitter(Stream.BRIGHTNESS, strength, lambda pixels: 0.0)


def contrast(strength: float) -> Jitter:
    """Change the distance from the image's mean gray."""
    return Jitter(Stream.CONTRAST, strength, lambda pixels: gray(pixels.mean((2, 3), keepdim=True)))


def saturation(strength: float) -> Jitter:
    """Change the distance from each pixel's own gray."""
    return Jitter(Stream.SATURATION, strength, gray)


class Grayscale:
    """Make an image gray with some probability."""

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def draw(self, random: Random) -> Numbers:
        """Choose how much of its colour every image keeps, (n, 1): 0 or 1."""
        return (random.uniform(Stream.GRAYSCALE) >= self._probability).astype(np.float32).T

    def __call__(self, pixels: Tensor, kept: Tensor) -> Tensor:
        """Change pixels (B, 3, H, W) float32 by shares (B, 1)."""
        return blend_(pixels, gray(pixels), kept)


class Hue:
    r"""Turn the colour circle by a random angle: the hue of HSV changes, saturation and value stay.

    With value :math:`v = \max`, chroma :math:`c = \max - \min` and hue :math:`h \in [0, 6)`, a channel is
    :math:`v - c + c\,\mathrm{clamp}(w, 0, 1)` with :math:`w = |h - 3| - 1` for red, :math:`2 - |h - 2|` for green,
    :math:`2 - |h - 4|` for blue.

    Source: Smith, 1978 (HSV); the change is that of torchvision's ``adjust_hue``, by its documentation.
    """

    def __init__(self, strength: float, device: torch.device | str) -> None:
        self._strength = strength
        table = torch.tensor([[3.0, 2.0, 4.0], [1.0, -1.0, -1.0], [-1.0, 2.0, 2.0]], device=device)
        self._center, self._sign, self._base = table[:, :, None, None]

    def draw(self, random: Random) -> Numbers:
        """Choose every image's turn, (n, 1), in sixths of the circle."""
        return (6 * self._strength * (2 * random.uniform(Stream.HUE) - 1)).T

    def __call__(self, pixels: Tensor, turn: Tensor) -> Tensor:
        """Change pixels (B, 3, H, W) float32 by turns (B, 1)."""
        red, green, blue = pixels.chunk(3, 1)
        value, low = pixels.amax(1, keepdim=True), pixels.amin(1, keepdim=True)
        chroma = value - low
        # The largest channel chooses, by zeros and ones: comparisons and torch.where take three times as long on a CPU.
        not_red, not_green = (value - red).sign_(), (value - green).sign_()
        rise = torch.lerp((blue - red).add_(chroma, alpha=2), (red - green).add_(chroma, alpha=4), not_green)
        rise = torch.lerp(green - blue, rise, not_red)
        hue = rise.div_(chroma.clamp(min=1e-6)).add_(turn[:, :, None, None])
        hue.sub_(hue.div(6).floor_(), alpha=6)
        weight = torch.addcmul(self._base, (hue - self._center).abs_(), self._sign).clamp_(0, 1)
        return torch.addcmul(low, weight, chroma)
