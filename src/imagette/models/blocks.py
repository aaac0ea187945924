"""What the families share: a chain of named layers, and the sizes that the arithmetic of convolutions gives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import nn

from imagette.models.dropout import Dropout
from imagette.models.dry import dry_run

Shape = tuple[int, int, int]
Layers = Mapping[str, nn.Module]


def chain(layers: Layers) -> nn.Sequential:
    """Run named layers one after the other.

    Example:
        >>> chain({"flatten": nn.Flatten(), "fc": nn.Linear(4, 2)}).fc
        Linear(in_features=4, out_features=2, bias=True)
    """
    return nn.Sequential(OrderedDict(layers))


def width(layers: Layers, shape: Shape) -> int:
    """Count the numbers that come out of a chain for one image, by running it once.

    Args:
        layers: the chain, in order.
        shape: (C, H, W) of an image.

    Example:
        >>> width({"conv": nn.Conv2d(1, 6, 5), "pool": nn.MaxPool2d(2)}, (1, 28, 28))  # 6 x 12 x 12
        864
    """
    return int(dry_run(chain(layers), 1, shape).numel())


def dropout(name: str, probability: float) -> Layers:
    """Make a dropout layer under a name, or nothing when the probability is 0.

    Example:
        >>> dropout("dropout", 0.5), dropout("dropout", 0)
        ({'dropout': Dropout(p=0.5, inplace=False)}, {})
    """
    return {name: Dropout(probability)} if probability else {}
