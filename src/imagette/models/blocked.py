"""Layers on oneDNN's own tensors, whose channels lie in blocks: between two such layers nothing is put in order."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BLOCK = 16  # channels
SAME = (nn.MaxPool2d, nn.ReLU, nn.GELU)  # torch calls oneDNN for them wherever a tensor of oneDNN's comes in


def through(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Run layers one after the other, as many of them as can be on tensors of oneDNN's, for training on a CPU.

    Only convolution, max pooling, batch normalisation, ReLU and GELU can; around the others the numbers are put into
    torch's order. What comes out is the same but for rounding. Hooks of convolutions are not called.

    Args:
        layers: in order; chains among them are gone through, too.
        x: (N, C, H, W) float32 or bfloat16, in any order in memory; what is autocast is.

    Returns:
        What the last layer gives: a tensor of oneDNN's where it has made one, which ``ordered`` puts in order.

    Source: https://uxlfoundation.github.io/oneDNN/dev_guide_understanding_memory_formats.html

    Example:
        >>> x, conv = torch.randn(2, 3, 8, 8), nn.Conv2d(3, 4, 3)
        >>> torch.allclose(ordered(through([conv, nn.ReLU()], x)), conv(x).relu(), atol=1e-5)
        True
    """
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            x = _convolution(layer, _blocked(x))
        elif type(layer) in SAME or _whole_blocks(layer):
            x = layer(_blocked(x))
        else:
            x = layer(ordered(x))
    return x


def ordered(x: Tensor) -> Tensor:
    """Put a tensor of oneDNN's into torch's order; give any other as it is.

    Example:
        >>> ordered(torch.ones(2).to_mkldnn())
        tensor([1., 1.])
    """
    return x.to_dense() if x.is_mkldnn else x


def _whole_blocks(layer: nn.Module) -> bool:
    # Of channels that do not fill blocks, oneDNN computes statistics number by number.
    return isinstance(layer, nn.BatchNorm2d) and layer.training and layer.num_features % BLOCK == 0


def _blocked(x: Tensor) -> Tensor:
    if x.is_mkldnn:
        return x
    lowered = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    return x.to(lowered).to_mkldnn()


def _convolution(layer: nn.Conv2d, x: Tensor) -> Tensor:
    # torch.nn.functional.conv2d takes bfloat16 tensors of oneDNN's only with filters of oneDNN's, which do not train.
    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    how = layer.padding, layer.stride, layer.dilation, layer.groups
    made: Tensor = torch.ops.aten.mkldnn_convolution(x, layer.weight.to(x.dtype), bias, *how)
    return made
