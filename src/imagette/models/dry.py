"""A pass of noise through a module, which leaves the module as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.models import modes
from imagette.models.copies import copied


def dry_run(module: nn.Module, n: int, shape: Shape, training: bool = False, by_pixels: bool = False) -> Any:
    """Run n images of noise, always the same, through a module in its own precision and on its own device.

    Args:
        module: its weights, statistics and mode stay as they are.
        n: number of images.
        shape: (C, H, W) of an image.
        training: run a copy in training mode, which may differ, instead of the module in evaluation mode.
        by_pixels: let the images lie in memory by whole pixels (``channels_last``).

    Returns:
        What the module gives for images (n, C, H, W).

    Raises:
        InputError: when the module cannot take such images.

    Example:
        >>> dry_run(nn.Flatten(), 2, (1, 2, 2)).shape
        torch.Size([2, 4])
    """
    images = noise(module, n, shape, by_pixels)
    try:
        with torch.no_grad(), torch.random.fork_rng([]), modes.kept(module):
            return copied(module).train()(images) if training else module.eval()(images)
    except Exception as error:
        when = " in training" if training else ""
        raise InputError(f"{type(module).__name__} cannot take images {(n, *shape)}{when}: {said(error)}") from error


def noise(module: nn.Module, n: int, shape: Shape, by_pixels: bool = False) -> Tensor:
    """Make images (n, C, H, W) of noise, always the same, in a module's precision and on its device.

    Example:
        >>> noise(nn.Flatten(), 2, (1, 2, 2)).shape
        torch.Size([2, 1, 2, 2])
    """
    like = next(module.parameters(), torch.empty(0))
    channels, *sides = shape
    size = (n, *sides, channels) if by_pixels else (n, *shape)
    images = torch.rand(size, generator=torch.Generator().manual_seed(0)).to(like)
    return images.permute(0, 3, 1, 2) if by_pixels else images


def said(error: BaseException) -> str:
    r"""Say an error of someone else's code in a line.

    Example:
        >>> said(ValueError("no such size\nat line 3"))
        'ValueError: no such size'
    """
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}".rstrip(": ")
