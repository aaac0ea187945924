"""Modules whose data flow is worth a look: shortcuts, branches, functions as layers, and what cannot be traced."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as f


class Functional(nn.Module):
    """Functions in the place of layers; it keeps what it computes, as for a later look."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc = nn.Linear(36, 5)
        self.scale = nn.Parameter(torch.ones(5))
        self.features = None

    def forward(self, images):
        x = f.max_pool2d(f.relu(self.conv(images)), 2)
        self.features = x.view(x.size(0), -1)
        return f.dropout(self.fc(self.features), 0.25, self.training) * self.scale


class Branches(nn.Module):
    """Two branches and a shortcut, joined."""

    def __init__(self, channels):
        super().__init__()
        self.one = nn.Conv2d(channels, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, padding=1))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), x], 1)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Branches(3), Branches(15)
        self.fc = nn.Linear(27, 4)

    def forward(self, images):
        return self.fc(self.second(self.first(images)).mean((2, 3)))


class Dense(nn.Module):
    """Each layer takes what all before it gave."""

    def __init__(self, layers=11):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3 + 2 * i, 2, 3, padding=1) for i in range(layers))

    def forward(self, images):
        given = [images]
        for layer in self.layers:
            given.append(layer(torch.cat(given, 1)))
        return given[-1].mean((2, 3))


class Block(nn.Module):
    """A residual block longer than a row; ``leaky`` gives away what is inside."""

    def __init__(self, leaky=False):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(10))
        self.leaky = leaky

    def forward(self, x):
        change, inside = x, x
        for conv in self.convs:
            inside, change = change, conv(change)
        return (x + change, inside) if self.leaky else x + change


class Leaking(nn.Module):
    """Two equal blocks, the first of which is taken from inside."""

    def __init__(self):
        super().__init__()
        self.a, self.b = Block(leaky=True), Block(leaky=True)

    def forward(self, images):
        x, inside = self.a(images)
        x, _ = self.b(x)
        return x + inside


class Untraceable(nn.Module):
    """Asks its images what to do."""

    def __init__(self):
        super().__init__()
        self.fc, self.spare = nn.Linear(64, 5), nn.Linear(3, 3)

    def forward(self, images):
        x = images.flatten(1)
        return self.fc(x if x.sum() > 0 else -x)
