"""Plain convolutional nets: one convolution, a row of convolutions with pooling, three with batch normalisation."""

from __future__ import annotations

from torch import nn

from imagette.core.shape import Shape
from imagette.models.blocks import chain, dropout, width
from imagette.models.flatten import Flatten
from imagette.recipe import models as specs


def single_conv(spec: specs.SingleConv, shape: Shape, classes: int) -> nn.Module:
    """Build conv C→1 k3 p1 · ReLU · fc H·W→K.

    Source: article A1, step 3.

    Example:
        >>> net = single_conv(specs.SingleConv(), (1, 28, 28), 10)
        >>> sum(p.numel() for p in net.parameters())
        7860
    """
    channels, height, wide = shape
    return chain(
        {
            "conv": nn.Conv2d(channels, 1, 3, padding=1),
            "relu": nn.ReLU(),
            "flatten": Flatten(),
            "fc": nn.Linear(height * wide, classes),
        }
    )


def cnn(spec: specs.CNN, shape: Shape, classes: int) -> nn.Module:
    """Build [conv k3 p1 · ReLU · pool 2] for each width · fc hidden · ReLU · fc K.

    Every pooling halves the image: the least size is 2 to the number of widths.

    Source: article A1, step 4, whose widths are 32 and 64, and hidden 128.

    Example:
        >>> net = cnn(specs.CNN(), (1, 28, 28), 10)
        >>> net.fc1.in_features  # 64 x 7 x 7
        3136
    """
    layers: dict[str, nn.Module] = {}
    channels = shape[0]
    for number, out in enumerate(spec.widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, out, 3, padding=1)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        channels = out
    layers["flatten"] = Flatten()
    head = {
        "fc1": nn.Linear(width(layers, shape), spec.hidden),
        "relu_fc1": nn.ReLU(),
        **dropout("dropout", spec.dropout),
        "fc2": nn.Linear(spec.hidden, classes),
    }
    return chain(layers | head)


def cnn_least(spec: specs.CNN) -> int:
    """Give the least side: one pixel is left after the last pooling.

    Example:
        >>> cnn_least(specs.CNN(widths=(8, 16, 32)))
        8
    """
    return int(2 ** len(spec.widths))


def batchnorm_cnn(spec: specs.BatchNormCNN, shape: Shape, classes: int) -> nn.Module:
    """Build conv 16 k5 p2 · BN · ReLU · pool 2 · conv 32 k3 · BN · ReLU · conv 64 k3 · BN · ReLU · pool 2 · fc K.

    Source: article A2.

    Example:
        >>> net = batchnorm_cnn(specs.BatchNormCNN(), (1, 28, 28), 10)
        >>> net.fc.in_features  # 64 x 5 x 5
        1600
    """
    layers = {
        "conv1": nn.Conv2d(shape[0], 16, 5, padding=2),
        "bn1": nn.BatchNorm2d(16),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(16, 32, 3),
        "bn2": nn.BatchNorm2d(32),
        "relu2": nn.ReLU(),
        "conv3": nn.Conv2d(32, 64, 3),
        "bn3": nn.BatchNorm2d(64),
        "relu3": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": Flatten(),
    }
    return chain(layers | {"fc": nn.Linear(width(layers, shape), classes)})
