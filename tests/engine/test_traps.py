"""The articles' mistakes: each does what its article did, and only when it is asked for."""

from __future__ import annotations

import math

import pytest
import torch

from imagette import Recipe
from imagette.core.errors import InputError
from imagette.data import load as data
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training

DIGITS = ("train.epochs=3", "train.threads=1", "model.name=linear", "data.validation=0.2", "augment.crop_padding=0")


def trained(*overrides: str) -> tuple[Training, list[EpochDone]]:
    recipe = Recipe.load("digits", [*DIGITS, *overrides])
    splits = data.load(recipe.data)
    training = Training(recipe, splits.train, splits.validation)
    return training, [event for event in training.events() if isinstance(event, EpochDone)]


def test_a_second_softmax_keeps_the_loss_above_its_floor() -> None:
    # the best answer gives its class 1 and the other nine 0: the loss is log(e + 9) - 1
    floor = math.log(math.e + 9) - 1
    assert floor == pytest.approx(1.4612, abs=1e-4)
    training, epochs = trained("traps.softmax_before_loss=true", "optim.lr=0.05", "train.epochs=20")
    assert epochs[-1].train_accuracy > 0.8
    assert all(floor < epoch.train_loss and floor < (epoch.val_loss or 0) for epoch in epochs)
    outputs = training.predictor().logits(training.images.images[:5])
    assert outputs.sum(1) == pytest.approx(1, abs=1e-5)
    _, mended = trained("optim.lr=0.05")
    assert mended[-1].train_loss < floor


def test_a_second_softmax_does_not_go_with_a_loss_by_hand() -> None:
    with pytest.raises(InputError, match="linear-by-hand"):
        Recipe.load("digits", ["model.name=linear-by-hand", "traps.softmax_before_loss=true"])


def test_two_scales_of_pixels_change_what_is_measured_and_not_what_is_learned() -> None:
    right, honest = trained()
    wrong, fooled = trained("traps.evaluate_normalize=none")
    assert [e.train_loss for e in honest] == [e.train_loss for e in fooled]
    assert [e.val_loss for e in honest] != [e.val_loss for e in fooled]
    assert all(torch.equal(a, b) for a, b in zip(right.module.parameters(), wrong.module.parameters(), strict=True))
    assert wrong.predictor().preprocessing.std == (1.0,)


def test_gray_made_gray_is_for_the_record_alone() -> None:
    plain, noted = trained(), trained("traps.grayscale_of_gray=0.1")
    assert [e.val_loss for e in plain[1]] == [e.val_loss for e in noted[1]]
