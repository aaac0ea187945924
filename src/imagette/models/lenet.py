"""LeNet-5 and its variants (LeCun et al., 1998; article A4)."""

from __future__ import annotations

from torch import nn

from imagette.core.shape import Shape
from imagette.models.blocks import chain, dropout, width
from imagette.models.flatten import Flatten
from imagette.recipe import models as specs

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def lenet(spec: specs.LeNet, shape: Shape, classes: int) -> nn.Module:
    """Build conv 6 k5 · act · pool 2 · conv 16 k5 · act · pool 2 · fc 120 · act · fc 84 · act · fc K.

    Source: article A4; its variant has padding 2, ReLU, average pooling, and dropout 0.5 before the last layer.

    Example:
        >>> net = lenet(specs.LeNet(), (1, 28, 28), 10)
        >>> sum(p.numel() for p in net.parameters())
        44426
    """
    activation, pooling = ACTIVATIONS[spec.activation], POOLINGS[spec.pooling]
    layers = {
        "conv1": nn.Conv2d(shape[0], 6, 5, padding=spec.padding),
        "act1": activation(),
        "pool1": pooling(2),
        "conv2": nn.Conv2d(6, 16, 5),
        "act2": activation(),
        "pool2": pooling(2),
        "flatten": Flatten(),
    }
    head = {
        "fc1": nn.Linear(width(layers, shape), 120),
        "act3": activation(),
        "fc2": nn.Linear(120, 84),
        "act4": activation(),
        **dropout("dropout", spec.dropout),
        "fc3": nn.Linear(84, classes),
    }
    return chain(layers | head)


def lenet_least(spec: specs.LeNet) -> int:
    """Give the least side: 16 − 4 = 12 → pool → 6 − 4 = 2 → pool → 1, and padding counts on both sides.

    Example:
        >>> lenet_least(specs.LeNet()), lenet_least(specs.LeNet(padding=2))
        (16, 12)
    """
    return 16 - 2 * spec.padding
