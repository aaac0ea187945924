"""Linear models: one fully connected layer, by torch and with the gradient written by hand (article A1)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, one_hot

from imagette.core.shape import Shape
from imagette.models.blocks import chain
from imagette.recipe import models as specs

Delta = Literal["softmax", "logits"]


def linear(spec: specs.Linear, shape: Shape, classes: int) -> nn.Module:
    """Build flatten · fc C·H·W→K.

    Source: article A1, step 2.

    Example:
        >>> net = linear(specs.Linear(), (1, 28, 28), 10)
        >>> sum(p.numel() for p in net.parameters())
        7850
    """
    return chain({"flatten": nn.Flatten(), "fc": nn.Linear(math.prod(shape), classes)})


def linear_by_hand(spec: specs.LinearByHand, shape: Shape, classes: int) -> nn.Module:
    """Build the linear model that brings its own gradient.

    Source: article A1, step 1.

    Example:
        >>> net = linear_by_hand(specs.LinearByHand(), (1, 28, 28), 10)
        >>> tuple(net.weight.shape)
        (784, 10)
    """
    return LinearByHand(math.prod(shape), classes, spec.init_std, spec.delta)


class LinearByHand(nn.Module):
    """A linear model whose loss carries a gradient that was derived on paper instead of by autograd.

    With ``x`` (B, D) the flat images, ``o = x W + b`` the logits and ``y`` (B, K) the one-hot labels, the loss is the
    mean cross-entropy, and its gradient is

        dW = xᵀ δ / B,   db = mean(δ),   δ = softmax(o) − y.

    Article A1 took ``δ = o − y`` (``delta="logits"``). That is the gradient of another loss, half the mean squared
    distance ‖o − y‖² / 2: the model is fitted as a regression onto 0 and 1, whatever loss is printed.

    Args:
        inputs: D, numbers in an image.
        classes: K.
        init_std: standard deviation of the first weights (D, K) and biases (K,), drawn from a normal distribution.
        delta: ``"softmax"`` as derived, ``"logits"`` as published.

    Example:
        >>> net = LinearByHand(inputs=4, classes=3, init_std=0.01, delta="softmax")
        >>> net
        LinearByHand(inputs=4, classes=3, delta='softmax')
        >>> net.loss(torch.ones(2, 1, 2, 2), torch.tensor([0, 2])).backward()
        >>> tuple(net.weight.grad.shape)
        (4, 3)
    """

    def __init__(self, inputs: int, classes: int, init_std: float, delta: Delta) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, classes) * init_std)
        self.bias = nn.Parameter(torch.randn(classes) * init_std)
        self.delta: Delta = delta

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, K)."""
        return images.flatten(1) @ self.weight + self.bias

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the mean cross-entropy, whose backward pass is the gradient written by hand.

        Args:
            images: (B, C, H, W) float; they get no gradient.
            labels: (B,) int64.
        """
        loss: Tensor = _HandWritten.apply(images.flatten(1), self.weight, self.bias, labels, self.delta)  # type: ignore[no-untyped-call]
        return loss

    def extra_repr(self) -> str:
        """Say the sizes and which gradient it is."""
        inputs, classes = self.weight.shape
        return f"inputs={inputs}, classes={classes}, delta={self.delta!r}"


class _HandWritten(torch.autograd.Function):
    """Cross-entropy of a linear model, with its gradient written out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, delta: Delta) -> Tensor:
        # x (B, D), weight (D, K), bias (K,), labels (B,) int64
        logits = (x @ weight + bias).to(weight.dtype)  # (B, K); autocast may have made it shorter
        outputs = logits.softmax(dim=1) if delta == "softmax" else logits
        ctx.save_for_backward(x, outputs - one_hot(labels, len(bias)))
        return cross_entropy(logits, labels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, Tensor, None, None]:
        x, delta = ctx.saved_tensors  # (B, D), (B, K)
        return None, upstream * (x.T @ delta) / len(x), upstream * delta.mean(dim=0), None, None
