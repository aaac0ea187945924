"""Layer 2: models, one readable file a family. Each maps float images (N, C, H, W) to logits (N, K)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.models.alexnet import alexnet, alexnet_least
from imagette.models.cnn import batchnorm_cnn, cnn, cnn_least, single_conv
from imagette.models.custom import custom, verify
from imagette.models.lenet import lenet, lenet_least
from imagette.models.linear import linear, linear_by_hand
from imagette.models.preactresnet import preact_resnet, wide_resnet
from imagette.models.resnet import resnet
from imagette.models.speednet import WHITENED, SpeedNet, speednet
from imagette.models.vgg import vgg
from imagette.recipe import models as specs
from imagette.recipe.models import Model, ModelSpec

__all__ = [
    "FAMILIES",
    "build",
    "ending_in_softmax",
    "least_size",
    "prepare",
    "verify",
]


class Family(NamedTuple):
    """How a spec becomes a module, and the least side of an image that it can take."""

    build: Callable[[Any, Shape, int], nn.Module]
    least: Callable[[Any], int]


def _always(size: int) -> Callable[[Model], int]:
    return lambda spec: size


FAMILIES: dict[type[Model], Family] = {
    specs.Linear: Family(linear, _always(1)),
    specs.LinearByHand: Family(linear_by_hand, _always(1)),
    specs.SingleConv: Family(single_conv, _always(1)),
    specs.CNN: Family(cnn, cnn_least),
    specs.LeNet: Family(lenet, lenet_least),
    specs.BatchNormCNN: Family(batchnorm_cnn, _always(12)),
    specs.VGG: Family(vgg, _always(2)),
    specs.AlexNet: Family(alexnet, alexnet_least),
    specs.SpeedNet: Family(speednet, _always(4)),
    specs.ResNet: Family(resnet, _always(5)),
    specs.PreActResNet: Family(preact_resnet, _always(5)),
    specs.WideResNet: Family(wide_resnet, _always(5)),
    specs.Custom: Family(custom, _always(1)),
}
"""Every model. Where there is batch normalisation, the least size leaves it several numbers even in a batch of one."""


def build(spec: ModelSpec, shape: Shape, classes: int) -> nn.Module:
    """Build the module that a recipe's ``[model]`` describes, for images of a shape.

    The first weights follow from ``torch.manual_seed``.

    Args:
        spec: the recipe's model section.
        shape: (C, H, W) of an image.
        classes: K, at least 2.

    Returns:
        A module from float images (N, C, H, W) to logits (N, K).

    Raises:
        InputError: for images that are too small for the model, or with what is wrong with a module of your own.

    Example:
        >>> net = build(specs.LeNet(), (1, 28, 28), 10)
        >>> sum(parameter.numel() for parameter in net.parameters())
        44426
        >>> build(specs.LeNet(), (1, 8, 8), 10)
        Traceback (most recent call last):
        imagette.core.errors.InputError: model 'lenet' needs images of at least 16x16 pixels; received 8x8
          hint: take a model for smaller images (imagette models list), or enlarge yours: files with data.size=16
    """
    if classes < 2:
        raise InputError(f"a classifier needs at least 2 classes; received {classes}")
    least = least_size(spec)
    if min(shape[1:]) < least:
        raise InputError(
            f"model {spec.name!r} needs images of at least {least}x{least} pixels; received {shape[1]}x{shape[2]}",
            hint="take a model for smaller images (imagette models list), "
            f"or enlarge yours: files with data.size={least}",
        )
    return FAMILIES[type(spec)].build(spec, shape, classes)


def prepare(module: nn.Module, images: Callable[[int], Tensor]) -> None:
    """Let a net that takes its first layer from the training images do so; others are left alone.

    Args:
        module: a net that ``build`` made.
        images: gives at most so many training images (N, C, H, W) float32, normalised as they are in training.

    Example:
        >>> import torch
        >>> net = build(specs.SpeedNet(), (1, 28, 28), 10)
        >>> prepare(net, lambda n: torch.rand(10, 1, 28, 28))
        >>> net.stem.weight.requires_grad
        False
    """
    if isinstance(module, SpeedNet):
        module.prepare(images(WHITENED))


def ending_in_softmax(module: nn.Module) -> nn.Module:
    """Append a softmax to a net: the mistake of article A3, of which ``traps.softmax_before_loss`` tells.

    Example:
        >>> import torch
        >>> net = ending_in_softmax(build(specs.Linear(), (1, 2, 2), 3))
        >>> round(net(torch.rand(1, 1, 2, 2)).sum().item(), 4)
        1.0
    """
    return nn.Sequential(OrderedDict(net=module, softmax=nn.Softmax(dim=1)))


def least_size(spec: ModelSpec) -> int:
    """Give the least height and width in pixels that a model can take.

    Example:
        >>> least_size(specs.AlexNet())
        20
    """
    return FAMILIES[type(spec)].least(spec)
