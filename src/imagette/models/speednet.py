"""A net made to be trained fast: its first layer is computed from the training images and never trained."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from imagette.core.shape import Shape
from imagette.models.blocks import Chain, chain
from imagette.recipe import models as specs

WHITENED = 2_000  # images whose patches the whitening is computed from
PATCHES = 400_000  # of them, at most: what the machine can hold
SIDE, PADDING = {1: 2, 2: 3}, {1: 0, 2: 1}  # of the stem, by its stride
EPSILON = 5e-4  # keeps patches that hardly vary from being blown up
NOTHING = 1e-9  # of the largest variance: what is less is rounding


def speednet(spec: specs.SpeedNet, shape: Shape, classes: int) -> nn.Module:
    """Build stem · ReLU · for each width [conv k3 · pool 2 · BN · ReLU (· conv k3 · BN · ReLU)] · max · fc.

    A stage leaves out its pooling where less than two by two pixels would be left: small images take the net, too.

    Source: the whitening stem, the order of a stage and every option are those of K. Jordan, "94% on CIFAR-10 in 3.29
    Seconds on a Single GPU" (2024), where ``residual`` is in the nets for 95 % and more; a stride of 2, the widths and
    the head are ours, for CPUs.

    Example:
        >>> net = speednet(specs.SpeedNet(), (1, 28, 28), 10)
        >>> sum(p.numel() for p in net.parameters() if p.requires_grad)
        270482
    """
    stem = WhiteningStem(shape[0], spec.filters, spec.stride)
    height, wide = (-(-side // 2) if spec.stride == 2 else side - 1 for side in shape[1:])
    layers: dict[str, nn.Module] = {"stem": stem, spec.activation: _activation(spec)}
    channels = stem.out_channels
    for number, width in enumerate(spec.widths, start=1):
        pooled = min(height, wide) >= 4
        layers[f"stage{number}"] = _stage(spec, channels, width, pooled)
        channels = width
        if pooled:
            height, wide = height // 2, wide // 2
    # The same numbers. The adaptive one is no slower on a CPU; on a GPU its backward pass, as torch's kernel reads, is.
    last = nn.MaxPool2d((height, wide)) if spec.stride == 1 else nn.AdaptiveMaxPool2d(1)
    layers |= {"max": last, "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes, bias=False)}
    if spec.logit_scale != 1:
        layers["scale"] = Scale(spec.logit_scale)
    return SpeedNet(OrderedDict(layers))


class SpeedNet(Chain):
    """A chain whose first layer, ``stem``, waits for the training images."""

    def prepare(self, images: Tensor) -> None:
        """Compute the stem from training images (N, C, H, W) float32, normalised as they are in training."""
        stem = self.stem
        assert isinstance(stem, WhiteningStem)
        stem.whiten(images)


class WhiteningStem(nn.Conv2d):
    r"""A convolution whose filters decorrelate the patches of the training images.

    With :math:`\lambda_i, v_i` the eigenvalues and eigenvectors of the patches' covariance, the filters are
    :math:`\pm v_i / \sqrt{\lambda_i + \epsilon}`: the answers of those with a plus sign are uncorrelated, with variance
    :math:`\lambda_i / (\lambda_i + \epsilon)`. (The source does not subtract the patches' mean.) Where the patches do
    not vary at all, as in a channel that is everywhere the same or the same as another, the filter is 0. They are not
    trained; their bias is.

    Args:
        channels: C of the images.
        filters: that come out, those of the largest eigenvalues; 0 for all 18·C (8·C with stride 1).
        stride: 2 looks at patches of 3×3 pixels, 1 at those of 2×2, and loses a row and a column.

    Example:
        >>> stem = WhiteningStem(1)
        >>> stem.whiten(torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
        >>> tuple(stem(torch.zeros(2, 1, 8, 8)).shape)
        (2, 18, 4, 4)
    """

    def __init__(self, channels: int, filters: int = 0, stride: int = 2) -> None:
        side = SIDE[stride]
        every = 2 * side * side * channels
        super().__init__(channels, min(filters, every) or every, side, stride=stride, padding=PADDING[stride])
        self.weight.requires_grad_(False)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the filters from images (N, C, H, W) float32; a few thousand are enough."""
        (side, _), (stride, _), padding = self.kernel_size, self.stride, PADDING[self.stride[0]]
        size = self.in_channels * side * side
        inner = images[:, :, padding:, padding:]  # where the convolution looks, but for the padding
        every = inner.unfold(2, side, stride).unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)  # a view
        count = every[..., 0, 0, 0].numel()
        some = np.arange(0, count, -(-count // PATCHES))
        # torch's own unravel_index imports sympy first, which takes two seconds.
        places = tuple(map(torch.from_numpy, np.unravel_index(some, every.shape[:3])))
        patches = every[places].reshape(-1, size).double()
        values, vectors = torch.linalg.eigh(torch.cov(patches.T, correction=0).reshape(size, size))
        # Blown up, a direction without variance would answer to rounding, and to the padding of augmented images.
        vectors = vectors * (values > NOTHING * values[-1])
        filters = (vectors / (values.clamp(min=0) + EPSILON).sqrt()).T.flip(0)  # the strongest first
        filters = filters[: self.out_channels // 2].reshape(-1, self.in_channels, side, side)
        self.weight.copy_(torch.cat([filters, -filters]).to(self.weight))


class Shortcut(nn.Sequential):
    """A chain whose answer is added to what went in.

    Example:
        >>> Shortcut(nn.ReLU())(torch.tensor([-1.0, 2.0]))
        tensor([-1.,  4.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map numbers of any shape that the chain keeps."""
        change: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + change


class Scale(nn.Module):
    """Multiply by a constant.

    Args:
        factor: the constant.

    Example:
        >>> Scale(0.5)(torch.tensor([4.0]))
        tensor([2.])
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Map numbers of any shape."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Say the constant."""
        return f"{self.factor:g}"


def _activation(spec: specs.SpeedNet) -> nn.Module:
    return nn.GELU() if spec.activation == "gelu" else nn.ReLU()


def _stage(spec: specs.SpeedNet, channels: int, width: int, pooled: bool) -> nn.Sequential:
    layers: dict[str, nn.Module] = {}
    for number in range(1, spec.depth + 1):
        layers[f"conv{number}"] = conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        if spec.identity:
            nn.init.dirac_(conv.weight.data[:channels])
        if number == 1 and pooled:
            layers["pool"] = nn.MaxPool2d(2)
        layers[f"bn{number}"] = norm = nn.BatchNorm2d(width, momentum=spec.norm_momentum)
        norm.weight.requires_grad_(not spec.freeze_scale)
        layers[f"{spec.activation}{number}"] = _activation(spec)
        channels = width
    if spec.residual:
        name, last = layers.popitem()
        inner = {key: layers.pop(key) for key in [*layers][-5:]}  # from the second convolution on
        layers |= {"change": Shortcut(OrderedDict(inner)), name: last}
    return chain(layers)
