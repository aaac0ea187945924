"""Residual nets whose blocks normalise first: the pre-activation ResNet, and the wide one."""

from __future__ import annotations

from torch import Tensor, nn

from imagette.core.shape import Shape
from imagette.models.blocks import chain, dropout
from imagette.models.resnet import conv3x3, he_initialised, zero_padded
from imagette.recipe import models as specs


def preact_resnet(spec: specs.PreActResNet, shape: Shape, classes: int) -> nn.Module:
    """Build conv k3 · three stages of n blocks · BN · ReLU · mean over the image · fc K, 6n + 2 layers deep.

    Where a block doubles the channels, its shortcut takes every second pixel and fills up with zeros; that and the very
    first shortcut start behind a ReLU.

    Source: He et al., "Identity Mappings in Deep Residual Networks" (2016), with the shortcuts of its ResNet-110.

    Example:
        >>> net = preact_resnet(specs.PreActResNet(depth=110), (3, 32, 32), 10)
        >>> sum(p.numel() for p in net.parameters())  # the paper: 1.7 million
        1727962
    """
    return _net(spec.width, spec.width, (spec.depth - 2) // 6, 0.0, False, shape, classes)


def wide_resnet(spec: specs.WideResNet, shape: Shape, classes: int) -> nn.Module:
    """Build the same with 16·k, 32·k and 64·k channels, 6n + 4 layers deep, 1×1 convolutions as shortcuts counted.

    Source: Zagoruyko and Komodakis, "Wide Residual Networks" (2016); dropout stands between the two convolutions.

    Example:
        >>> net = wide_resnet(specs.WideResNet(depth=16, factor=4), (3, 32, 32), 10)
        >>> sum(p.numel() for p in net.parameters())  # the paper: 2.7 million
        2748890
    """
    return _net(16, 16 * spec.factor, (spec.depth - 4) // 6, spec.dropout, True, shape, classes)


class PreActBlock(nn.Module):
    r"""Two 3×3 convolutions, each after BN and ReLU, around a shortcut that nothing stands on: :math:`x + f(x)`.

    Where the channels change, the shortcut starts behind the first ReLU.

    Args:
        channels: channels in.
        out: channels out.
        stride: 2 halves the image.
        drop: probability of dropout between the convolutions.
        project: let a 1×1 convolution change the channels of the shortcut; otherwise zeros fill them up.
        shared: start the shortcut behind the first ReLU in any case.

    Example:
        >>> import torch
        >>> tuple(PreActBlock(4, 8, stride=2, project=True)(torch.zeros(1, 4, 9, 9)).shape)
        (1, 8, 5, 5)
    """

    def __init__(
        self,
        channels: int,
        out: int,
        stride: int = 1,
        drop: float = 0.0,
        project: bool = False,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self.grown, self.stride = out - channels, stride
        self.shared = shared or bool(self.grown)
        self.active = chain({"bn": nn.BatchNorm2d(channels), "relu": nn.ReLU()})
        self.change = chain(
            {
                "conv1": conv3x3(channels, out, stride),
                "bn": nn.BatchNorm2d(out),
                "relu": nn.ReLU(),
                **dropout("dropout", drop),
                "conv2": conv3x3(out, out),
            }
        )
        self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False) if project and self.grown else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out, H, W), or with a stride of 2 to (N, out, ⌈H/2⌉, ⌈W/2⌉)."""
        active: Tensor = self.active(x)
        change: Tensor = self.change(active)
        kept = active if self.shared else x
        if self.shortcut is not None:
            kept = self.shortcut(kept)
        elif self.grown:
            kept = zero_padded(kept, self.stride, self.grown)
        return kept + change


def _net(stem: int, width: int, blocks: int, drop: float, project: bool, shape: Shape, classes: int) -> nn.Module:
    def stage(channels: int, out: int, stride: int) -> nn.Sequential:
        first = PreActBlock(channels, out, stride, drop, project, shared=not project)
        return nn.Sequential(first, *(PreActBlock(out, out, 1, drop, project) for _ in range(blocks - 1)))

    net = chain(
        {
            "conv": conv3x3(shape[0], stem),
            "stage1": stage(stem, width, 1),
            "stage2": stage(width, 2 * width, 2),
            "stage3": stage(2 * width, 4 * width, 2),
            "bn": nn.BatchNorm2d(4 * width),
            "relu": nn.ReLU(),
            "mean": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(4 * width, classes),
        }
    )
    return he_initialised(net)
