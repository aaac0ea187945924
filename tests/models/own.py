"""Modules such as users write: what custom models are tested with."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn


class SmallNet(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.conv = nn.Conv2d(shape[0], 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, classes)

    def forward(self, images):
        return self.fc(self.bn(self.conv(images)).relu().mean((2, 3)))


class Shuffled(nn.Module):
    """Keeps the order of its pixels where no checkpoint sees it."""

    def __init__(self, shape, classes):
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.order, self.fc = self.drawn(size), nn.Linear(size, classes)

    def drawn(self, size):
        return torch.randperm(size)

    def forward(self, images):
        return self.fc(images.flatten(1)[:, self.order])


class ShuffledByNumpy(Shuffled):
    def drawn(self, size):
        return torch.from_numpy(np.random.default_rng().permutation(size))


class ShuffledWithASeed(Shuffled):
    def drawn(self, size):
        return torch.randperm(size, generator=torch.Generator().manual_seed(0))


class Grown(Shuffled):
    """Is wider each time."""

    times = 0

    def __init__(self, shape, classes):
        super().__init__(shape, classes)
        Grown.times += 1
        self.register_buffer("grown", torch.zeros(Grown.times))

    def drawn(self, size):
        return torch.arange(size)


class Slow(nn.Module):
    """Takes its time for every batch, whatever its size."""

    SECONDS = 0.02

    def __init__(self, shape, classes):
        super().__init__()
        self.fc = nn.Linear(shape[0] * shape[1] * shape[2], classes)

    def forward(self, images):
        time.sleep(self.SECONDS)
        return self.fc(images.flatten(1))


def counted(shape, classes):
    counted.times += 1
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))


def lazy(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


def nothing(shape, classes):
    return {"not": "a module"}


def clumsy(shape, classes):
    raise ZeroDivisionError("width is zero")


def positional(size):
    return nn.Linear(size, 2)


def one_class_short(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes - 1))


def wrong_channels(shape, classes):
    return nn.Conv2d(shape[0] + 1, classes, 1)


class Pair(SmallNet):
    def forward(self, images):
        logits = super().forward(images)
        return logits, logits


class Auxiliary(SmallNet):
    """Gives more in training than in use, as GoogLeNet does."""

    def forward(self, images):
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


class Answer(SmallNet):
    def forward(self, images):
        return super().forward(images).round().to(torch.int64)


def frozen(shape, classes):
    return SmallNet(shape, classes).requires_grad_(False)


not_callable = 3


class Viewed(nn.Module):
    """Flattens with ``view``, as tutorials do, which numbers that lie by whole pixels do not allow."""

    def __init__(self, shape, classes):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(shape[0], 4, 3), nn.Linear(4 * (shape[1] // 2 - 1) ** 2, classes)

    def forward(self, images):
        maps = torch.max_pool2d(self.conv(images).relu(), 2)
        return self.fc(maps.view(len(maps), -1))


def with_fixed_statistics(shape, classes):
    return nn.Sequential(
        nn.Flatten(), nn.BatchNorm1d(shape[1] * shape[2]).eval(), nn.Linear(shape[1] * shape[2], classes)
    )
