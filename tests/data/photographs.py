"""Real images for the augmentation tests, from what scikit-learn brings: digits, and pieces of a photograph."""

from __future__ import annotations

from functools import cache

import torch
from sklearn.datasets import load_digits, load_sample_image
from torch import Tensor

from imagette.data.augment import Augmentation
from imagette.recipe.schema import Augment

CLASSES = 10


@cache
def digits() -> Tensor:
    """200 digits, (200, 1, 24, 24) uint8."""
    small = torch.from_numpy(load_digits().images[:200])[:, None]
    return (small * 15.9).to(torch.uint8).repeat_interleave(3, 2).repeat_interleave(3, 3).contiguous()


@cache
def pieces() -> Tensor:
    """200 pieces of a photograph, (200, 3, 32, 32) uint8."""
    photograph = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    tiles = photograph.unfold(1, 32, 32).unfold(2, 32, 32).flatten(1, 2).transpose(0, 1)
    return tiles[:200].contiguous()


def augmentation(images: Tensor, **keys: object) -> Augmentation:
    """Build an augmentation for images (N, C, H, W) uint8, normalised by their own statistics."""
    _, channels, height, width = images.shape
    pixels = images.double().transpose(0, 1).flatten(1)
    mean, std = pixels.mean(1).tolist(), pixels.std(1).tolist()
    return Augmentation(Augment(**keys), (channels, height, width), mean, std, "cpu", CLASSES)


def augmented(images: Tensor, seed: int = 0, epoch: int = 0, **keys: object) -> Tensor:
    """Give the images as one batch of an epoch sees them, normalised."""
    augment = augmentation(images, **keys)
    return augment(images, augment.draws(len(images), seed, epoch), epoch)


def seen(images: Tensor, seed: int = 0, epoch: int = 0, **keys: object) -> Tensor:
    """Give the images as one batch of an epoch sees them, back in pixel units."""
    _, channels, height, width = images.shape
    mean, std = [0.0] * channels, [1.0] * channels
    augment = Augmentation(Augment(**keys), (channels, height, width), mean, std, "cpu", CLASSES)
    return augment(images, augment.draws(len(images), seed, epoch), epoch)
