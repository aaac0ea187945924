"""What the pixels hold: brightness, contrast, saturation, hue, grayscale; on pixels in 0 to 255, in place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imagette.data.augment.draws import Draw, Stream

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # shares of a gray, ITU-R BT.601


def gray(pixels: Tensor) -> Tensor:
    """Give the gray (B, 1, ...) of pixels (B, C, ...): of three channels by their luminance, of others the mean."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    return (pixels[:, :1] * RED).add_(pixels[:, 1:2], alpha=GREEN).add_(pixels[:, 2:], alpha=BLUE)


def blend_(pixels: Tensor, other: Tensor | float, share: Tensor) -> Tensor:
    """Make pixels (B, C, H, W) ``share * pixels + (1 - share) * other``, within 0 to 255; share is (B, 1)."""
    share = share[:, :, None, None]
    return pixels.mul_(share).add_((1 - share) * other).clamp_(0, 255)


class Jitter:
    """Multiply the distance from something by a random factor in [1 - strength, 1 + strength], but not under 0.

    Args:
        stream: which random numbers.
        strength: largest change of the factor.
        origin: gives of pixels (B, C, H, W) what the distance is from, (B, 1, ...).

    Source: torchvision's ColorJitter, by its documentation; the order of the changes is fixed here.
    """

    def __init__(self, stream: Stream, strength: float, origin: Callable[[Tensor], Tensor | float]) -> None:
        self.draws = (Draw(stream),)
        self._strength, self._origin = strength, origin

    def __call__(self, pixels: Tensor, numbers: Tensor) -> Tensor:
        """Change pixels (B, C, H, W) float32 by numbers (B, 1)."""
        factor = (1 + self._strength * (2 * numbers - 1)).clamp_(min=0)
        return blend_(pixels, self._origin(pixels), factor)


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

    draws = (Draw(Stream.GRAYSCALE),)

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def __call__(self, pixels: Tensor, numbers: Tensor) -> Tensor:
        """Change pixels (B, 3, H, W) float32 by numbers (B, 1)."""
        return blend_(pixels, gray(pixels), (numbers >= self._probability).float())


class Hue:
    r"""Turn the colour circle by a random angle: the hue of HSV changes, saturation and value stay.

    With :math:`v = \max`, chroma :math:`c = \max - \min` and hue :math:`h \in [0, 6)`, a channel is
    :math:`v - c \cdot \mathrm{clamp}(\min(k, 4 - k), 0, 1)` with :math:`k = (n + h) \bmod 6` and
    :math:`n = 5, 3, 1` for red, green, blue.

    Source: Smith, 1978 (HSV); the change is that of torchvision's ``adjust_hue``.
    """

    draws = (Draw(Stream.HUE),)

    def __init__(self, strength: float, device: torch.device | str) -> None:
        self._strength = strength
        self._sector = torch.tensor([5.0, 3.0, 1.0], device=device)[:, None, None]

    def __call__(self, pixels: Tensor, numbers: Tensor) -> Tensor:
        """Change pixels (B, 3, H, W) float32 by numbers (B, 1)."""
        turn = 6 * self._strength * (2 * numbers - 1)
        value = pixels.amax(1, keepdim=True)
        chroma = value - pixels.amin(1, keepdim=True)
        red, green, blue = pixels.chunk(3, 1)
        hue = torch.where(
            value == red, green - blue, torch.where(value == green, blue - red, red - green)
        ) / chroma.clamp(min=1e-6)
        hue += torch.where(value == red, 0.0, torch.where(value == green, 2.0, 4.0))
        k = (hue + turn[:, :, None, None] + self._sector).remainder_(6)
        return value - chroma * torch.minimum(k, 4 - k).clamp_(0, 1)
