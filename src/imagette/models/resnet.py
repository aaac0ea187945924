"""Residual nets for small images (He et al., 2015, section 4.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad

from imagette.core.shape import Shape
from imagette.models.blocks import chain
from imagette.recipe import models as specs


def resnet(spec: specs.ResNet, shape: Shape, classes: int) -> nn.Module:
    """Build conv k3 · BN · ReLU · three stages of n basic blocks · mean over the image · fc K, 6n + 2 layers deep.

    The image is halved, and the channels doubled, at the start of the second and the third stage.

    Source: He et al., "Deep Residual Learning for Image Recognition" (2015), section 4.2, with its shortcuts of
    option A (no parameters) and the initialisation of He et al., "Delving Deep into Rectifiers" (2015).

    Example:
        >>> net = resnet(specs.ResNet(depth=20), (3, 32, 32), 10)
        >>> sum(p.numel() for p in net.parameters())  # the paper: 0.27 million
        269722
    """
    blocks = (spec.depth - 2) // 6
    widths = (spec.width, 2 * spec.width, 4 * spec.width)
    net = chain(
        {
            "conv": conv3x3(shape[0], spec.width),
            "bn": nn.BatchNorm2d(spec.width),
            "relu": nn.ReLU(),
            "stage1": _stage(widths[0], widths[0], blocks),
            "stage2": _stage(widths[0], widths[1], blocks),
            "stage3": _stage(widths[1], widths[2], blocks),
            "mean": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(widths[2], classes),
        }
    )
    return he_initialised(net)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut: ``relu(x + f(x))``.

    Where the block doubles the channels it also halves the image, and the shortcut takes every second pixel and
    fills the new channels with zeros (option A).

    Args:
        channels: channels in.
        out: channels out: the same number, or twice as many.

    Example:
        >>> import torch
        >>> tuple(BasicBlock(4, 8)(torch.zeros(1, 4, 9, 9)).shape)
        (1, 8, 5, 5)
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.grown = out - channels
        self.conv1 = conv3x3(channels, out, stride=2 if self.grown else 1)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu1 = nn.ReLU()
        self.conv2 = conv3x3(out, out)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W), or to (N, 2C, ⌈H/2⌉, ⌈W/2⌉)."""
        change = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu2(self._shortcut(x) + change)
        return out

    def _shortcut(self, x: Tensor) -> Tensor:
        return zero_padded(x, 2, self.grown) if self.grown else x


def zero_padded(x: Tensor, stride: int, grown: int) -> Tensor:
    """Take pixels of (N, C, H, W) at a stride and put ``grown`` channels of zeros around: option A.

    Example:
        >>> import torch
        >>> tuple(zero_padded(torch.zeros(1, 4, 9, 9), 2, 4).shape)
        (1, 8, 5, 5)
    """
    before = grown // 2
    return pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, before, grown - before))


def he_initialised(net: nn.Module) -> nn.Module:
    """Draw the filters of a net so that what goes back through it keeps its size.

    Example:
        >>> he_initialised(nn.Conv2d(3, 8, 3)).weight.std().item() < 1
        True

    Source: He et al., "Delving deep into rectifiers" (2015).
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def conv3x3(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    """Make a convolution without bias: batch normalisation has one.

    Example:
        >>> conv3x3(4, 8).bias is None
        True
    """
    return nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)


def _stage(channels: int, out: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(channels, out), *(BasicBlock(out, out) for _ in range(blocks - 1)))
