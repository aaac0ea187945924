"""What a training will cost: steps and evaluations of known length are found again in the estimate."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from imagette.data.imageset import ImageSet
from imagette.data.splits import Splits
from imagette.engine.estimate import estimate
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe
from models.own import Slow


@pytest.fixture(scope="module")
def splits() -> Splits:
    """Give images so large that a batch of 64 is augmented alone: then few steps are enough for an estimate."""
    pixels = np.random.default_rng(0).integers(0, 256, (230, 1, 72, 72), np.uint8)
    images = ImageSet(pixels, np.arange(230) % 4, tuple("abcd"), np.arange(230).astype(str))
    train, validation, test = (images.take(np.arange(*ends)) for ends in ((0, 128), (128, 160), (160, 230)))
    return Splits(train, validation, test)


def recipe(*overrides: str) -> Recipe:
    small = ("train.batch_size=64", "train.threads=1", "train.precision=float32", "train.device=cpu")
    return Recipe.load(str(Path(__file__).parent / "plain.toml"), [*small, *overrides])


def test_a_step_is_timed_whole_and_an_image_as_its_part_of_the_passes(splits: Splits) -> None:
    spec = recipe("model.name=custom", "model.factory=models.own:Slow", "evaluate.batch_size=20")
    costs = estimate(spec, splits, Plan.make(spec, 128))
    assert Slow.SECONDS <= costs.step < 10 * Slow.SECONDS
    assert 4 * Slow.SECONDS <= 70 * costs.image < 40 * Slow.SECONDS  # 70 images in four passes
    assert (costs.steps_per_epoch, costs.validation, costs.test) == (2, 32, 70)


def test_the_views_of_an_image_are_timed_with_it(splits: Splits) -> None:
    own = ("model.name=custom", "model.factory=models.own:Slow", "evaluate.mirror=true", "evaluate.shift=1")
    costs = estimate(recipe(*own), splits, Plan.make(recipe(*own), 128))
    assert costs.views == 6
    assert 70 * costs.image >= 6 * Slow.SECONDS


def test_the_steps_on_which_a_proxy_learns_are_counted_by_their_share(splits: Splits) -> None:
    learning = 0.24

    def learn_slowly(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(layer, nn.Conv2d) and layer.out_channels == 2 and torch.is_grad_enabled():  # the narrow net's
            time.sleep(learning)

    spec = recipe("model.widths=[8]", "train.keep_hardest=0.5")
    with register_module_forward_pre_hook(learn_slowly):
        costs = estimate(spec, splits, Plan.make(spec, 128))
    assert learning / 4 <= costs.step < learning  # it learns on every fourth step
