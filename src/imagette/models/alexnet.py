"""An AlexNet-like net for 32×32 images, with batch normalisation and dropout as options (article A3)."""

from __future__ import annotations

from torch import nn

from imagette.core.shape import Shape
from imagette.models.blocks import Layers, chain, dropout, width
from imagette.models.flatten import Flatten
from imagette.recipe import models as specs


def alexnet(spec: specs.AlexNet, shape: Shape, classes: int) -> nn.Module:
    """Build conv 64 k3 · pool 2 · conv 128 k3 · pool 3 s2 · conv 256 k3 · conv 64 k1 · fc 384 · fc 192 · fc K.

    A ReLU follows every layer but the last. It gives logits: the article's own net ended in a softmax, which keeps
    the cross-entropy above 1.4612 for ten classes.

    Source: article A3, stages 1 to 9.

    Example:
        >>> net = alexnet(specs.AlexNet(batch_norm=True), (3, 32, 32), 10)
        >>> sum(p.numel() for p in net.parameters())
        857738
    """
    pool1, pool2, conv4, fc1, fc2 = spec.dropout
    layers = {
        **_conv(1, shape[0], 64, 3, spec.batch_norm),
        "pool1": nn.MaxPool2d(2),
        **dropout("dropout1", pool1),
        **_conv(2, 64, 128, 3, spec.batch_norm),
        "pool2": nn.MaxPool2d(3, stride=2),
        **dropout("dropout2", pool2),
        **_conv(3, 128, 256, 3, spec.batch_norm),
        **_conv(4, 256, 64, 1, spec.batch_norm),
        **dropout("dropout3", conv4),
        "flatten": Flatten(),
    }
    head = {
        "fc1": nn.Linear(width(layers, shape), 384),
        "relu_fc1": nn.ReLU(),
        **dropout("dropout4", fc1),
        "fc2": nn.Linear(384, 192),
        "relu_fc2": nn.ReLU(),
        **dropout("dropout5", fc2),
        "fc3": nn.Linear(192, classes),
    }
    return chain(layers | head)


def alexnet_least(spec: specs.AlexNet) -> int:
    """Give the least side: 20 leaves one pixel (18 → 9 → 7 → 3 → 1); batch normalisation needs two by two of them.

    Example:
        >>> alexnet_least(specs.AlexNet()), alexnet_least(specs.AlexNet(batch_norm=True))
        (20, 24)
    """
    return 24 if spec.batch_norm else 20


def _conv(number: int, channels: int, out: int, side: int, batch_norm: bool) -> Layers:
    normalisation = {f"bn{number}": nn.BatchNorm2d(out)} if batch_norm else {}
    return {f"conv{number}": nn.Conv2d(channels, out, side), **normalisation, f"relu{number}": nn.ReLU()}
