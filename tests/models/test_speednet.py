"""The net for fast training: its stem follows from the training images, and a saved one answers as it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import imagette
from imagette import models
from imagette.models.speednet import WhiteningStem
from imagette.recipe import models as specs

DIGITS = ("model.name=speednet", "model.widths=[8]", "train.epochs=1", "train.threads=1")


def digits() -> torch.Tensor:
    from imagette.data import digits

    return torch.from_numpy(digits.read()[0][0]).float() / 255 - 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_the_stem_decorrelates_the_patches(channels: int) -> None:
    images = digits().repeat(1, channels, 1, 1)
    images = images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    stem = WhiteningStem(channels)
    stem.whiten(images)
    inner = stem(images)[:, : stem.out_channels // 2, 1:, 1:]  # the first row and column see the padding
    found = torch.cov(inner.permute(1, 0, 2, 3).flatten(1).detach())
    expected = torch.eye(9 * channels)
    assert torch.allclose(found, expected, atol=0.06), (found - expected).abs().max()


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


def test_sizes() -> None:
    assert models.least_size(specs.SpeedNet(widths=(8, 8, 8))) == 31
    assert models.build(specs.SpeedNet(widths=(8, 8, 8)), (3, 31, 40), 10)(torch.zeros(2, 3, 31, 40)).shape == (2, 10)
