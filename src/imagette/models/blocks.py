"""What the families share: a chain of named layers, and the sizes that the arithmetic of convolutions gives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor, nn

from imagette.core.shape import Shape
from imagette.models.blocked import ordered, through
from imagette.models.dropout import Dropout
from imagette.models.dry import dry_run

Layers = Mapping[str, nn.Module]
NEVER_FALLING = (nn.ReLU, nn.Sigmoid)  # of two numbers, the larger one gives the larger answer


class Chain(nn.Sequential):
    """Layers one after the other; while it is trained, a max pooling goes before the activation that it follows.

    The largest answer is the answer to the largest number: what comes out is the same, and of every window one number
    is left to activate. In evaluation the layers keep their order, and so do tables and pictures of the net.

    With ``blocked`` set, which a plan decides, training on a CPU runs on oneDNN's own tensors.

    Example:
        >>> import torch
        >>> x = torch.randn(2, 3, 8, 8)
        >>> net = Chain(OrderedDict(act=nn.Sigmoid(), pool=nn.MaxPool2d(2)))
        >>> torch.equal(net.train()(x), net.eval()(x))
        True
    """

    blocked = False

    def forward(self, x: Tensor) -> Tensor:
        """Map what the first layer takes to what the last one gives."""
        if self.training and self.blocked and x.device.type == "cpu":
            return ordered(through(pooling_first(_unfolded(self)), x))
        for layer in pooling_first(self) if self.training else self:
            x = layer(x)
        return x


def pooling_first(layers: Iterable[nn.Module]) -> list[nn.Module]:
    """Put each max pooling before the activation that it follows, where that gives the same numbers.

    Example:
        >>> pooling_first([nn.ReLU(), nn.MaxPool2d(2), nn.GELU(), nn.MaxPool2d(3)])[:2]
        [MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False), ReLU()]
    """
    order: list[nn.Module] = []
    for layer in layers:
        early = isinstance(layer, nn.MaxPool2d) and order and isinstance(order[-1], NEVER_FALLING)
        order.insert(len(order) - bool(early), layer)
    return order


def _unfolded(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for layer in layers:
        yield from _unfolded(layer) if type(layer) is Chain else [layer]


def chain(layers: Layers) -> Chain:
    """Run named layers one after the other.

    Example:
        >>> chain({"flatten": nn.Flatten(), "fc": nn.Linear(4, 2)}).fc
        Linear(in_features=4, out_features=2, bias=True)
    """
    return Chain(OrderedDict(layers))


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
