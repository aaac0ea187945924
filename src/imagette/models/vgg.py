"""A VGG-like net: pairs of convolutions without an activation in between (article A0)."""

from __future__ import annotations

from torch import nn

from imagette.core.shape import Shape
from imagette.models.blocks import chain, dropout, width
from imagette.models.flatten import Flatten
from imagette.recipe import models as specs


def vgg(spec: specs.VGG, shape: Shape, classes: int) -> nn.Module:
    """Build [conv · conv · pool 2 · BN · ReLU] twice · fc hidden · ReLU · dropout · fc K.

    The first convolution has one-pixel filters and pads by one, so that 28×28 becomes 30×30; the second pooling
    pads by one too. The article's Dropout2d on a flat vector drops single numbers, as dropout does.

    Source: article A0.

    Example:
        >>> net = vgg(specs.VGG(widths=(8, 16)), (1, 28, 28), 10)
        >>> net.fc1.in_features  # 16 x 8 x 8
        1024
    """
    first, second = spec.widths
    layers = {
        "conv1": nn.Conv2d(shape[0], first, 1, padding=1),
        "conv2": nn.Conv2d(first, first, 3, padding=1),
        "pool1": nn.MaxPool2d(2),
        "bn1": nn.BatchNorm2d(first),
        "relu1": nn.ReLU(),
        "conv3": nn.Conv2d(first, second, 3, padding=1),
        "conv4": nn.Conv2d(second, second, 3, padding=1),
        "pool2": nn.MaxPool2d(2, padding=1),
        "bn2": nn.BatchNorm2d(second),
        "relu2": nn.ReLU(),
        "flatten": Flatten(),
    }
    head = {
        "fc1": nn.Linear(width(layers, shape), spec.hidden),
        "relu3": nn.ReLU(),
        **dropout("dropout", spec.dropout),
        "fc2": nn.Linear(spec.hidden, classes),
    }
    return chain(layers | head)
