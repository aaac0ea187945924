"""The pre-activation and the wide residual net: as many parameters as published, and shortcuts that stay free."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imagette.core.errors import InputError
from imagette.models import build
from imagette.models.inspect import layer_table
from imagette.models.preactresnet import PreActBlock
from imagette.recipe import models as specs
from imagette.recipe.schema import Recipe

COLOUR = (3, 32, 32)


def parameters(spec: specs.Model) -> int:
    return sum(p.numel() for p in build(spec, COLOUR, 10).parameters())


@pytest.mark.parametrize(
    ("depth", "factor", "millions"),
    [(40, 1, 0.6), (40, 2, 2.2), (16, 4, 2.7), (16, 8, 11.0), (22, 8, 17.2), (28, 10, 36.5)],
)
def test_wide_nets_have_the_published_size(depth: int, factor: int, millions: float) -> None:
    assert round(parameters(specs.WideResNet(depth=depth, factor=factor)) / 1e6, 1) == millions


def test_a_wide_net_by_hand() -> None:
    def stage(channels: int, out: int) -> int:
        first = 2 * channels + 9 * channels * out + 2 * out + 9 * out * out + channels * out
        return first + 2 * out + 9 * out * out + 2 * out + 9 * out * out

    sizes = 9 * 3 * 16 + stage(16, 64) + stage(64, 128) + stage(128, 256) + 2 * 256 + 2570
    assert parameters(specs.WideResNet(depth=16, factor=4)) == sizes


def test_the_110_layers_of_he_have_1_7_million_parameters() -> None:
    # as those of 2015: the normalisations are elsewhere, and as many
    assert parameters(specs.PreActResNet(depth=110)) == parameters(specs.ResNet(depth=110)) == 1_727_962


def test_depth_counts_the_weighted_layers() -> None:
    deep = layer_table(build(specs.PreActResNet(depth=14), COLOUR, 10), COLOUR)
    assert sum(row.kind in {"Conv2d", "Linear"} for row in deep) == 14
    wide = layer_table(build(specs.WideResNet(depth=22, factor=2), COLOUR, 10), COLOUR)
    assert sum(row.kind == "Conv2d" for row in wide) == 22
    assert [row.output_shape for row in wide if row.kind == "Conv2d"] == (
        [(16, 32, 32)] + [(32, 32, 32)] * 7 + [(64, 16, 16)] * 7 + [(128, 8, 8)] * 7
    )


def silent(block: PreActBlock) -> PreActBlock:
    """Let the convolutions say nothing, so that the shortcut is all there is."""
    nn.init.zeros_(block.change.conv2.weight)
    return block.eval()


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_nothing_stands_on_the_shortcut(drop: float) -> None:
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(silent(PreActBlock(4, 4, drop=drop))(x), x)


def test_where_channels_change_and_at_the_start_the_shortcut_begins_behind_the_relu() -> None:
    x = torch.randn(2, 4, 6, 6)
    started, halving, projecting = (
        silent(PreActBlock(4, 4, shared=True)),
        silent(PreActBlock(4, 8, 2)),
        silent(PreActBlock(4, 8, 2, project=True)),
    )
    active = x.relu() / math.sqrt(1 + 1e-5)  # fresh batch normalisation in evaluation
    torch.testing.assert_close(started(x), active)
    torch.testing.assert_close(halving(x)[:, 2:6], active[:, :, ::2, ::2])
    assert not halving(x)[:, [0, 1, 6, 7]].any()
    torch.testing.assert_close(projecting(x), projecting.shortcut(active))
    first = build(specs.PreActResNet(depth=8), COLOUR, 10).stage1[0]
    assert first.shared
    assert not build(specs.WideResNet(depth=10, factor=1), COLOUR, 10).stage1[0].shared


@pytest.mark.parametrize("stride", [1, 2])
def test_a_shortcut_of_zeros_keeps_the_stride_of_its_block(stride: int) -> None:
    x = torch.randn(2, 4, 6, 6)
    answers = PreActBlock(4, 8, stride)(x), PreActBlock(4, 8, stride, project=True)(x)
    assert {tuple(answer.shape) for answer in answers} == {(2, 8, 6 // stride, 6 // stride)}


def test_dropout_stands_between_the_convolutions() -> None:
    names = [name for name, _ in PreActBlock(4, 4, drop=0.5).change.named_children()]
    assert names == ["conv1", "bn", "relu", "dropout", "conv2"]
    net = build(specs.WideResNet(depth=10, factor=1, dropout=0.3), COLOUR, 10)
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.3] * 3


def test_filters_start_with_the_deviation_that_keeps_the_gradients_size() -> None:
    weight = build(specs.WideResNet(depth=10, factor=4), COLOUR, 10).stage2[0].change.conv1.weight  # (128, 64, 3, 3)
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)


@pytest.mark.parametrize(
    ("name", "depth", "said"),
    [
        ("wide-resnet", 20, r"6n \+ 4 \(10, 16, 22, 28, ...\); received 20: take 16 or 22"),
        ("preact-resnet", 16, r"6n \+ 2 \(8, 14, 20, 26, ...\); received 16: take 14 or 20"),
        ("resnet", 16, r"6n \+ 2 \(8, 14, 20, 26, ...\); received 16: take 14 or 20"),
    ],
)
def test_a_depth_of_broken_blocks_is_refused(name: str, depth: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe.load("digits", [f"model.name={name}", f"model.depth={depth}"])
