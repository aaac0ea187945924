"""What can stand under ``[model]``: one class per architecture, its parameters, their ranges and reasons."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, NonNegativeInt, model_validator

from imagette.recipe.ranges import PositiveShare, ShareBelowOne
from imagette.recipe.section import Section

Width = Annotated[int, Field(ge=1, le=65536)]


class Model(Section):
    """What all models share."""

    name: str
    """Which architecture: ``imagette models list``."""


class Linear(Model):
    """One fully connected layer (article A1, step 2)."""

    name: Literal["linear"] = "linear"


class LinearByHand(Model):
    """The linear model that brings its own, hand-written gradient (article A1, step 1)."""

    name: Literal["linear-by-hand"] = "linear-by-hand"
    init_std: Annotated[float, Field(gt=0)] = 0.01
    """Standard deviation of the first weights and biases; 0.01 as published."""
    delta: Literal["softmax", "logits"] = "softmax"
    """What the labels are subtracted from to get the gradient. ``softmax`` is right; ``logits`` is article A1's
    mistake, kept so that its figure can be reproduced: it fits a least-squares regression instead."""


class SingleConv(Model):
    """One 3x3 convolution with one channel out, then a linear layer (article A1, step 3)."""

    name: Literal["single-conv"] = "single-conv"


class CNN(Model):
    """Two convolutions, each with ReLU and pooling, then two linear layers (article A1, step 4)."""

    name: Literal["cnn"] = "cnn"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=4)] = (32, 64)
    """Channels of each convolution; every one is followed by a 2x2 pooling, which halves the image."""
    hidden: Width = 128
    """Width of the hidden linear layer."""
    dropout: ShareBelowOne = 0.0
    """Share of the hidden layer set to zero in training; raise it when training runs ahead of validation."""


class LeNet(Model):
    """LeNet-5: two 5x5 convolutions with pooling, three linear layers (article A4)."""

    name: Literal["lenet"] = "lenet"
    activation: Literal["sigmoid", "relu"] = "sigmoid"
    """Sigmoid as published in article A4; ReLU learns faster."""
    pooling: Literal["max", "average"] = "max"
    """How 2x2 neighbours become one value."""
    padding: Annotated[int, Field(ge=0, le=2)] = 0
    """Zeros around the image before the first convolution; 2 keeps 28x28."""
    dropout: ShareBelowOne = 0.0
    """Share of the last hidden layer set to zero in training; 0.5 in article A4's variant."""


class BatchNormCNN(Model):
    """Three convolutions with batch normalisation and one linear layer (article A2)."""

    name: Literal["batchnorm-cnn"] = "batchnorm-cnn"


class VGG(Model):
    """A VGG-like net: two pairs of convolutions, then two linear layers (article A0)."""

    name: Literal["vgg"] = "vgg"
    widths: tuple[Width, Width] = (64, 128)
    """Channels of the first and of the second pair."""
    hidden: Width = 512
    """Width of the hidden linear layer."""
    dropout: ShareBelowOne = 0.5
    """Share of the hidden layer set to zero in training."""


class AlexNet(Model):
    """An AlexNet-like net for 32x32: four convolutions, three linear layers (article A3)."""

    name: Literal["alexnet"] = "alexnet"
    batch_norm: bool = False
    """Batch normalisation after every convolution (article A3, stage 6 on)."""
    dropout: Annotated[tuple[ShareBelowOne, ...], Field(min_length=5, max_length=5)] = (0.0,) * 5
    """Dropout after pool1, pool2, conv4, fc1, fc2; stage 7 has 0.5 in all five, stage 8 0.3, 0.3, 0.1, 0, 0."""


class SpeedNet(Model):
    """A net made to be trained fast: a whitening stem that is computed, not trained, then stages of convolutions."""

    name: Literal["speednet"] = "speednet"
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=5)] = (64, 128)
    """Channels of each stage; every one halves the image, down to 2x2 or 3x3."""
    stride: Literal[1, 2] = 2
    """Pixels from one place that the stem looks at to the next: 2 halves the image and leaves a quarter of the
    arithmetic, for CPUs; 1, with patches of 2x2 pixels in place of 3x3, is the source's choice on a GPU."""
    filters: Annotated[int, Field(ge=0, multiple_of=2)] = 0
    """Filters of the stem, those of what varies most in the images first; 0 takes all: 18 of a gray image, 54 of a
    colour one; 8 and 24 with stride 1."""
    depth: Annotated[int, Field(ge=1, le=3)] = 2
    """Convolutions in a stage: 1 is fastest, 2 more accurate."""
    residual: bool = False
    """Lead past the second and third convolution of a stage, so that the gradient reaches the first one whole."""
    activation: Literal["relu", "gelu"] = "relu"
    """ReLU is the faster one on a CPU; GELU, smooth and a little open below zero, is the source's choice on a GPU."""
    identity: bool = False
    """Let every convolution begin by handing on its channels: the signal is there from the first step."""
    freeze_scale: bool = False
    """Leave the scales of batch normalisation at 1: the convolution behind them can learn them as well."""
    norm_momentum: PositiveShare = 0.4
    """Share of each batch in the statistics of batch normalisation that the net is tested with; fewer batches to
    average over ask for a larger one: 0.4 suits short trainings, 0.1, which is torch's, long ones."""
    logit_scale: Annotated[float, Field(gt=0)] = 1.0
    """What the logits are multiplied by: less than 1 (1/9 in the source) begins unsure, and bears a higher rate."""
    freeze_stem: NonNegativeInt = 0
    """Epochs after which the bias of the stem, all that it learns, stays as it is, and steps grow cheaper; 0: never."""

    @model_validator(mode="after")
    def _three_convolutions_for_a_shortcut(self) -> Self:
        if self.residual and self.depth != 3:
            raise ValueError(
                f"residual = true needs three convolutions in a stage; received depth {self.depth}: take 3"
            )
        return self


class Residual(Model):
    """What the residual nets of He et al. share."""

    depth: Annotated[int, Field(ge=8, le=1202)] = 20
    """Number of weighted layers, 6n + 2: 8, 14, 20, 32, 44, 56, 110, ...; deeper learns more and takes longer."""
    width: Annotated[int, Field(ge=1, le=4096)] = 16
    """Channels of the first stage; they double in the second and the third."""

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        _check_depth(self.depth, 2)
        return self


class ResNet(Residual):
    """A residual net for small images: three stages of basic blocks (He et al., 2015, section 4.2)."""

    name: Literal["resnet"] = "resnet"


class PreActResNet(Residual):
    """A residual net whose blocks normalise first, so that its shortcuts stay free (He et al., 2016)."""

    name: Literal["preact-resnet"] = "preact-resnet"


class WideResNet(Model):
    """A shallow residual net with many channels, which trains faster than a deep one (Zagoruyko, Komodakis, 2016)."""

    name: Literal["wide-resnet"] = "wide-resnet"
    depth: Annotated[int, Field(ge=10, le=1204)] = 16
    """Number of convolutions, those of shortcuts counted, 6n + 4: 10, 16, 22, 28, 40, ...; 28 in the paper's best."""
    factor: Annotated[int, Field(ge=1, le=256)] = 4
    """Times 16, 32 and 64 channels in the three stages; time grows with its square."""
    dropout: ShareBelowOne = 0.0
    """Share set to zero between the two convolutions of a block; the paper found 0.3 to help the widest nets."""

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        _check_depth(self.depth, 4)
        return self


def _check_depth(depth: int, others: int) -> None:
    """Refuse a depth that is not that of whole blocks and the layers beside them."""
    if extra := (depth - others) % 6:
        known = ", ".join(str(6 * n + others) for n in range(1, 5))
        below = depth - extra
        raise ValueError(f"depth is 6n + {others} ({known}, ...); received {depth}: take {below} or {below + 6}")


class Custom(Model):
    """Your own ``torch.nn.Module``: given from Python, or made by a function that can be imported."""

    name: Literal["custom"] = "custom"
    factory: Annotated[str, Field(pattern=r"^([\w.]+:[\w.]+)?$")] = ""
    """``package.module:callable``, called as ``callable(shape=(C, H, W), classes=K)``; empty when the module is
    given from Python as ``imagette.train(recipe, model=module)``."""


ModelSpec = Annotated[
    Linear
    | LinearByHand
    | SingleConv
    | CNN
    | LeNet
    | BatchNormCNN
    | VGG
    | AlexNet
    | SpeedNet
    | ResNet
    | PreActResNet
    | WideResNet
    | Custom,
    Field(discriminator="name"),
]

MODELS: tuple[type[Model], ...] = get_args(get_args(ModelSpec)[0])
WIDTHS = ("widths", "hidden", "width", "factor")  # the parameters by which a model is wide
NARROWER = 4  # times


def narrower(spec: ModelSpec) -> ModelSpec | None:
    """Give a model of the same family, a quarter as wide, without dropout; None where there is nothing to narrow.

    Args:
        spec: the wide one; a quarter of its channels and hidden layers is rounded up.

    Example:
        >>> narrower(CNN(widths=(32, 66), dropout=0.5))
        CNN(name='cnn', widths=(8, 17), hidden=32, dropout=0.0)
        >>> narrower(LeNet()) is None
        True
    """
    found: dict[str, Any] = {key: value for key, value in spec if key in WIDTHS}
    narrow = {
        key: tuple(-(-width // NARROWER) for width in value) if isinstance(value, tuple) else -(-value // NARROWER)
        for key, value in found.items()
    }
    if narrow == found:
        return None
    if "dropout" in type(spec).model_fields:
        narrow["dropout"] = 0.0
    return spec.model_copy(update=narrow)


def with_widths() -> list[str]:
    """Name the models that come in several widths.

    Example:
        >>> "speednet" in with_widths(), "lenet" in with_widths()
        (True, False)
    """
    return [spec.model_fields["name"].default for spec in MODELS if {*WIDTHS} & {*spec.model_fields}]
