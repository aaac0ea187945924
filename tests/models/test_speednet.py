"""The net for fast training: its stem follows from the training images, and a saved one answers as it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import imagette
from imagette import models
from imagette.core.errors import InputError
from imagette.models.speednet import SpeedNet, WhiteningStem
from imagette.recipe import models as specs

DIGITS = ("model.name=speednet", "model.widths=[8]", "train.epochs=1", "train.threads=1")


def digits() -> torch.Tensor:
    from imagette.data import digits

    return torch.from_numpy(digits.read()[0][0]).float() / 255 - 0.5


@pytest.mark.parametrize(("stride", "side"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_stem_decorrelates_the_patches(channels: int, stride: int, side: int) -> None:
    images = digits().repeat(1, channels, 1, 1)
    images = images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    stem = WhiteningStem(channels, stride=stride)
    stem.whiten(images)
    padded = stride - 1  # the first row and column of a padded image see the padding
    inner = stem(images)[:, : stem.out_channels // 2, padded:, padded:]
    found = torch.cov(inner.permute(1, 0, 2, 3).flatten(1).detach())
    expected = torch.eye(side * side * channels)
    assert torch.allclose(found, expected, atol=0.06), (found - expected).abs().max()


@pytest.mark.parametrize("channels", [2, 4])
def test_what_never_varies_is_not_blown_up(channels: int) -> None:
    """Colours that are all the same and an opaque fourth channel say no more than gray does."""
    images = digits().repeat(1, channels, 1, 1)
    images[:, -1] = 0
    stem, gray = WhiteningStem(channels), WhiteningStem(1)
    stem.whiten(images)
    gray.whiten(digits())
    assert torch.count_nonzero(stem.weight.abs().amax((1, 2, 3))) == 18
    assert stem.weight.abs().max() <= gray.weight.abs().max()
    images[:, -1] = 100
    answers = stem(images)
    images[:, -1] = 0
    assert torch.allclose(answers, stem(images), atol=1e-3)


def test_large_images_do_not_take_the_memory_of_all_their_patches() -> None:
    program = """
import resource, torch
from imagette.models.speednet import WhiteningStem
images = torch.rand(8, 3, 1024, 1024)  # 2,097,152 patches of 27 numbers: 226 MB, and twice that in float64
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
WhiteningStem(3).whiten(images)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(child.stdout) < 290_000  # KiB: the 400,000 that count take 86 MB in float64


def test_every_filter_has_its_negative() -> None:
    stem = WhiteningStem(1)
    stem.whiten(digits())
    assert torch.equal(stem.weight[:9], -stem.weight[9:])


def test_the_stem_is_computed_from_the_training_images_and_not_trained(tmp_path: Path) -> None:
    run = imagette.train(imagette.Recipe.load("digits", DIGITS), runs=tmp_path, progress=False)
    stem = run.predictor.module.stem
    fresh = models.build(run.recipe.model, (1, 8, 8), 10)
    mean, std = (np.float32(value) for value in (run.predictor.preprocessing.mean, run.predictor.preprocessing.std))
    fresh.prepare(torch.from_numpy((run.splits.train.images - mean) / std))
    assert torch.allclose(stem.weight, fresh.stem.weight, atol=1e-4)
    assert stem.bias.abs().max() > 0
    assert run.test() == run.summary["test"]


def test_fewer_filters_are_those_of_what_varies_most() -> None:
    every, few = WhiteningStem(1), WhiteningStem(1, filters=6)
    every.whiten(digits())
    few.whiten(digits())
    assert torch.equal(few.weight, every.weight[[0, 1, 2, 9, 10, 11]])
    strength = every(digits())[:, :9].abs().mean((0, 2, 3)) * every.weight[:9].flatten(1).norm(dim=1) ** -1
    assert strength[0] > strength[8]


@pytest.mark.parametrize(("side", "pools"), [(4, 0), (6, 0), (7, 1), (8, 1), (15, 2), (28, 2), (31, 3), (96, 3)])
def test_small_images_are_halved_as_long_as_four_pixels_are_left(side: int, pools: int) -> None:
    module = models.build(specs.SpeedNet(widths=(8, 8, 8)), (3, side, side + 4), 10)
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in module.modules()) == pools
    assert module(torch.zeros(2, 3, side, side + 4)).shape == (2, 10)


@pytest.mark.parametrize(("side", "sides"), [(32, [31, 15, 7, 3]), (28, [27, 13, 6, 3]), (8, [7, 3, 3, 3])])
def test_a_stem_of_stride_1_loses_a_row_and_a_column(side: int, sides: list[int]) -> None:
    module = models.build(specs.SpeedNet(widths=(8, 8, 8), stride=1), (3, side, side + 4), 10)
    x, found = torch.zeros(2, 3, side, side + 4), []
    for name, layer in module.named_children():
        x = layer(x)
        found += [x.shape[2]] if name.startswith("st") else []
    assert found == sides
    assert module.stem.weight.shape == (24, 3, 2, 2)
    assert x.shape == (2, 10)


def net(**options: object) -> SpeedNet:
    torch.manual_seed(0)
    module = models.build(specs.SpeedNet(widths=(24, 16), **options), (1, 28, 28), 10)
    assert isinstance(module, SpeedNet)
    return module


def test_options_that_draw_nothing_leave_the_first_weights_as_they_are() -> None:
    plain, optioned = net(), net(activation="gelu", freeze_scale=True, logit_scale=0.5)
    for (name, value), (other, same) in zip(plain.state_dict().items(), optioned.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(value, same)


def test_the_default_is_what_it_was_before_there_were_options() -> None:
    kinds = [type(layer).__name__ for layer in net().modules() if not [*layer.children()]]
    stage = ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds == ["WhiteningStem", "ReLU", *stage, *stage, "AdaptiveMaxPool2d", "Flatten", "Linear"]
    assert sum(p.requires_grad for p in net().parameters()) == 1 + 2 * 6 + 1


def test_gelu_stands_wherever_relu_stood() -> None:
    module = net(activation="gelu")
    assert sum(isinstance(part, torch.nn.GELU) for part in module.modules()) == 5
    assert not any(isinstance(part, torch.nn.ReLU) for part in module.modules())


def test_a_small_scale_makes_small_logits() -> None:
    images = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(net(logit_scale=1 / 9).eval()(images), net().eval()(images) / 9)


def test_a_convolution_begins_by_handing_its_channels_on() -> None:
    module = net(identity=True)
    x, y = torch.randn(2, 18, 9, 9), torch.randn(2, 24, 9, 9)
    wider, narrower = module.stage1.conv1(x), module.stage2.conv1(y)  # 18 to 24 channels, 24 to 16
    torch.testing.assert_close(wider[:, :18], x)
    assert wider[:, 18:].std() > 0.1
    torch.testing.assert_close(narrower, y[:, :16])


def test_scales_stay_at_one_and_everything_else_is_trained(tmp_path: Path) -> None:
    recipe = imagette.Recipe.load("digits", [*DIGITS, "model.freeze_scale=true"])
    module = imagette.train(recipe, runs=tmp_path, progress=False).predictor.module
    assert (module.stage1.bn1.weight == 1).all()
    assert module.stage1.bn1.bias.any()


def test_a_batch_has_the_share_in_the_statistics_that_was_asked_for() -> None:
    module, x = net(norm_momentum=0.25), torch.randn(8, 18, 8, 8)
    module.stage1(x)
    mean = module.stage1.pool(module.stage1.conv1(x)).mean((0, 2, 3))
    torch.testing.assert_close(module.stage1.bn1.running_mean, 0.25 * mean)


def test_a_shortcut_leads_past_the_second_and_third_convolution() -> None:
    module = net(depth=3, residual=True).eval()
    torch.nn.init.zeros_(module.stage1.change.conv3.weight)
    x = torch.rand(2, 18, 8, 8)
    torch.testing.assert_close(module.stage1(x), module.stage1[:4](x))
    counts = [sum(p.numel() for p in net(depth=3, residual=residual).parameters()) for residual in (True, False)]
    assert counts[0] == counts[1]


def test_a_shortcut_without_a_third_convolution_is_refused() -> None:
    with pytest.raises(InputError, match="needs three convolutions in a stage; received depth 2: take 3"):
        imagette.Recipe.load("digits", ["model.name=speednet", "model.residual=true"])
