"""The nets of the five articles, layer by layer: shapes and parameters computed by hand."""

from __future__ import annotations

import math

import pytest

from imagette.models import build
from imagette.models.inspect import layer_table
from imagette.recipe import models as specs

GRAY, COLOUR = (1, 28, 28), (3, 32, 32)


def weighted(spec, shape):
    """List kind, output shape and parameters of the layers that have parameters."""
    return [(r.kind, r.output_shape, r.parameters) for r in layer_table(build(spec, shape, 10), shape) if r.parameters]


def kinds(spec, shape):
    return " ".join(row.kind for row in layer_table(build(spec, shape, 10), shape))


def test_a0_vgg():
    assert weighted(specs.VGG(), GRAY) == [
        ("Conv2d", (64, 30, 30), 1 * 64 + 64),
        ("Conv2d", (64, 30, 30), 64 * 64 * 9 + 64),
        ("BatchNorm2d", (64, 15, 15), 2 * 64),
        ("Conv2d", (128, 15, 15), 64 * 128 * 9 + 128),
        ("Conv2d", (128, 15, 15), 128 * 128 * 9 + 128),
        ("BatchNorm2d", (128, 8, 8), 2 * 128),
        ("Linear", (512,), 8192 * 512 + 512),
        ("Linear", (10,), 512 * 10 + 10),
    ]
    assert kinds(specs.VGG(), GRAY) == (
        "Conv2d Conv2d MaxPool2d BatchNorm2d ReLU Conv2d Conv2d MaxPool2d BatchNorm2d ReLU "
        "Flatten Linear ReLU Dropout Linear"
    )


@pytest.mark.parametrize("spec", [specs.Linear(), specs.LinearByHand()], ids=lambda spec: spec.name)
def test_a1_linear(spec):
    (row,) = [row for row in layer_table(build(spec, GRAY, 10), GRAY) if row.parameters]
    assert (row.output_shape, row.parameters, row.multiply_adds) == ((10,), 784 * 10 + 10, 7840)


def test_a1_single_conv():
    assert weighted(specs.SingleConv(), GRAY) == [
        ("Conv2d", (1, 28, 28), 9 + 1),
        ("Linear", (10,), 784 * 10 + 10),
    ]
    assert kinds(specs.SingleConv(), GRAY) == "Conv2d ReLU Flatten Linear"


def test_a1_cnn():
    assert weighted(specs.CNN(), GRAY) == [
        ("Conv2d", (32, 28, 28), 32 * 9 + 32),
        ("Conv2d", (64, 14, 14), 32 * 64 * 9 + 64),
        ("Linear", (128,), 3136 * 128 + 128),
        ("Linear", (10,), 128 * 10 + 10),
    ]
    assert kinds(specs.CNN(), GRAY) == "Conv2d ReLU MaxPool2d Conv2d ReLU MaxPool2d Flatten Linear ReLU Linear"


def test_a2_batchnorm_cnn():
    assert weighted(specs.BatchNormCNN(), GRAY) == [
        ("Conv2d", (16, 28, 28), 16 * 25 + 16),
        ("BatchNorm2d", (16, 28, 28), 2 * 16),
        ("Conv2d", (32, 12, 12), 16 * 32 * 9 + 32),
        ("BatchNorm2d", (32, 12, 12), 2 * 32),
        ("Conv2d", (64, 10, 10), 32 * 64 * 9 + 64),
        ("BatchNorm2d", (64, 10, 10), 2 * 64),
        ("Linear", (10,), 1600 * 10 + 10),
    ]
    assert kinds(specs.BatchNormCNN(), GRAY) == (
        "Conv2d BatchNorm2d ReLU MaxPool2d Conv2d BatchNorm2d ReLU Conv2d BatchNorm2d ReLU MaxPool2d Flatten Linear"
    )


A3_LAYERS = [
    ("Conv2d", (64, 30, 30), 3 * 64 * 9 + 64),
    ("Conv2d", (128, 13, 13), 64 * 128 * 9 + 128),
    ("Conv2d", (256, 4, 4), 128 * 256 * 9 + 256),
    ("Conv2d", (64, 4, 4), 256 * 64 + 64),
    ("Linear", (384,), 1024 * 384 + 384),
    ("Linear", (192,), 384 * 192 + 192),
    ("Linear", (10,), 192 * 10 + 10),
]


def test_a3_alexnet():
    assert weighted(specs.AlexNet(), COLOUR) == A3_LAYERS
    assert kinds(specs.AlexNet(), COLOUR) == (
        "Conv2d ReLU MaxPool2d Conv2d ReLU MaxPool2d Conv2d ReLU Conv2d ReLU Flatten Linear ReLU Linear ReLU Linear"
    )


def test_a3_alexnet_with_batch_norm_after_every_convolution():
    layers = weighted(specs.AlexNet(batch_norm=True), COLOUR)
    assert [layer for layer in layers if layer[0] != "BatchNorm2d"] == A3_LAYERS
    norms = [("BatchNorm2d", shape, 2 * shape[0]) for _, shape, _ in A3_LAYERS[:4]]
    assert layers[1:8:2] == norms


def test_a3_alexnet_drops_where_the_stages_say():
    stage7 = kinds(specs.AlexNet(batch_norm=True, dropout=(0.5,) * 5), COLOUR)
    assert stage7 == (
        "Conv2d BatchNorm2d ReLU MaxPool2d Dropout Conv2d BatchNorm2d ReLU MaxPool2d Dropout "
        "Conv2d BatchNorm2d ReLU Conv2d BatchNorm2d ReLU Dropout "
        "Flatten Linear ReLU Dropout Linear ReLU Dropout Linear"
    )
    stage8 = build(specs.AlexNet(batch_norm=True, dropout=(0.3, 0.3, 0.1, 0, 0)), COLOUR, 10)
    assert [module.p for module in stage8.modules() if type(module).__name__ == "Dropout"] == [0.3, 0.3, 0.1]


def test_a4_lenet():
    assert weighted(specs.LeNet(), GRAY) == [
        ("Conv2d", (6, 24, 24), 156),
        ("Conv2d", (16, 8, 8), 2416),
        ("Linear", (120,), 30840),
        ("Linear", (84,), 10164),
        ("Linear", (10,), 850),
    ]
    assert sum(row.parameters for row in layer_table(build(specs.LeNet(), GRAY, 10), GRAY)) == 44426
    assert kinds(specs.LeNet(), GRAY) == (
        "Conv2d Sigmoid MaxPool2d Conv2d Sigmoid MaxPool2d Flatten Linear Sigmoid Linear Sigmoid Linear"
    )


def test_a4_variant():
    variant = specs.LeNet(padding=2, activation="relu", pooling="average", dropout=0.5)
    assert [layer[1:] for layer in weighted(variant, GRAY)] == [
        ((6, 28, 28), 156),
        ((16, 10, 10), 2416),
        ((120,), 400 * 120 + 120),
        ((84,), 10164),
        ((10,), 850),
    ]
    assert kinds(variant, GRAY) == (
        "Conv2d ReLU AvgPool2d Conv2d ReLU AvgPool2d Flatten Linear ReLU Linear ReLU Dropout Linear"
    )


@pytest.mark.parametrize("depth", [8, 20, 32])
def test_resnet_has_as_many_weighted_layers_as_its_depth(depth):
    rows = layer_table(build(specs.ResNet(depth=depth), COLOUR, 10), COLOUR)
    assert sum(row.kind in {"Conv2d", "Linear"} for row in rows) == depth


def test_resnet_20_is_the_papers():
    first = 3 * 16 * 9
    stage1 = 6 * 16 * 16 * 9
    stage2 = 16 * 32 * 9 + 5 * 32 * 32 * 9
    stage3 = 32 * 64 * 9 + 5 * 64 * 64 * 9
    norms = 2 * (16 + 6 * 16 + 6 * 32 + 6 * 64)
    rows = layer_table(build(specs.ResNet(depth=20), COLOUR, 10), COLOUR)
    assert sum(row.parameters for row in rows) == first + stage1 + stage2 + stage3 + norms + 650
    assert [row.output_shape for row in rows if row.kind == "Conv2d"] == (
        [(16, 32, 32)] * 7 + [(32, 16, 16)] * 6 + [(64, 8, 8)] * 6
    )


def test_resnet_starts_with_the_deviation_that_keeps_the_gradients_size():
    net = build(specs.ResNet(depth=8, width=64), COLOUR, 10)
    weight = net.get_submodule("stage2.0.conv2").weight  # (128, 128, 3, 3)
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)
