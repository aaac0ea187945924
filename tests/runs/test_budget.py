"""A budget of time decides strength, epochs and, where nothing else helps, the number of images."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imagette
from imagette.core.errors import InputError
from imagette.data import load as data
from imagette.engine.estimate import Estimate
from imagette.recipe.schema import Data
from imagette.runs.budget import scaled, within_budget

FEW = ["model.name=linear", "train.threads=1"]


@pytest.fixture
def alone(tmp_path) -> str:
    """Give a recipe of one strength."""
    page = tmp_path / "alone.toml"
    page.write_text('base = "digits"\n')
    return str(page)


def test_more_time_means_more_epochs_up_to_a_limit(alone) -> None:
    asked = imagette.Recipe.load(alone, FEW).train.epochs
    short, long = (within_budget(alone, seconds, FEW).train.epochs for seconds in (15, 3600))
    assert 1 <= short <= long == 3 * asked


def test_more_time_means_more_strength() -> None:
    slow = ["train.threads=1", "train.batch_size=1"]  # so that 8 seconds are short on a fast machine, too
    fast, best = (within_budget("digits", seconds, slow) for seconds in (8, 3600))
    assert [fast.name, best.name] == ["digits", "digits-best"]


@pytest.mark.slow
def test_the_run_keeps_to_its_budget(tmp_path) -> None:
    started = time.perf_counter()
    slow = ["model.name=cnn", "train.threads=1", "train.batch_size=1"]  # 20 epochs would take many times as long
    recipe = within_budget("digits", 12, slow)
    imagette.train(recipe, runs=tmp_path, progress=False)
    assert recipe.train.epochs < imagette.Recipe.load("digits").train.epochs
    assert time.perf_counter() - started < 1.5 * 12  # other programs come and go


COSTS = Estimate(prepare=1.0, step=0.1, image=0.001, steps_per_epoch=100, validation=0, test=1000)  # 2 s and 10 s


def test_the_views_of_an_image_cost_an_epoch_nothing() -> None:
    seen = replace(COSTS, validation=1000, views=2)
    assert (seen.epoch, seen.fixed) == (pytest.approx(10.5), pytest.approx(3.0))


def test_where_no_epoch_fits_a_part_of_the_images_is_taken() -> None:
    recipe = scaled(imagette.Recipe.load("digits"), COSTS, images=6400, seconds=2 + 2.5)
    assert (recipe.train.epochs, recipe.data.limit) == (1, 1600)


def test_a_part_of_the_images_holds_all_classes_and_one_to_validate_on() -> None:
    recipe = imagette.Recipe.load("digits", ["train.batch_size=64"])
    for classes, asked in ((127, recipe), (128, recipe.replace(**{"data.validation": 0.0, "train.keep": "last"}))):
        assert scaled(asked, COSTS, images=6400, seconds=2 + 0.2, classes=classes).data.limit == 128
        with pytest.raises(InputError, match="the budget is too short"):
            scaled(asked, COSTS, images=6400, seconds=2 + 0.2, classes=classes + 1)


def test_what_counts_in_epochs_keeps_its_share(alone) -> None:
    Path(alone).write_text('base = "digits"\n[schedule]\nname = "multistep"\nmilestones = [10, 15]\n')
    longer = within_budget(alone, 3600, FEW)
    assert (longer.train.epochs, longer.schedule.milestones) == (60, (30, 45))


def test_patience_and_freezing_keep_their_share_too() -> None:
    recipe = imagette.Recipe.load(
        "cifar10", ["schedule.name=plateau", "train.epochs=60", "train.early_stop=20", "model.freeze_stem=10"]
    )
    short = scaled(recipe, COSTS, images=1_000_000, seconds=2 + 6 * 10.5)
    counted = short.schedule.patience, short.train.early_stop, short.model.freeze_stem
    assert (short.train.epochs, *counted) == (6, 1, 2, 1)


def test_what_the_user_has_set_stays(alone) -> None:
    asked = ["schedule.name=multistep", "schedule.milestones=[5,15]", "train.early_stop=5", "schedule.warmup=2"]
    recipe = within_budget(alone, 20, [*FEW, *asked, "train.batch_size=16"])
    assert recipe.train.epochs != imagette.Recipe.load(alone).train.epochs
    assert (recipe.schedule.milestones, recipe.train.early_stop, recipe.schedule.warmup) == ((5, 15), 5, 2)


def test_what_the_user_has_set_in_a_whole_section_stays_too(alone) -> None:
    asked = 'schedule={name="multistep", milestones=[5, 15]}'
    recipe = within_budget(alone, 20, [*FEW, asked, "train.batch_size=16"])
    assert recipe.train.epochs != imagette.Recipe.load(alone).train.epochs
    assert recipe.schedule.milestones == (5, 15)


def test_annealing_still_fits_when_epochs_are_rounded() -> None:
    recipe = imagette.Recipe.load(
        "digits", ["schedule.name=constant", "schedule.restarts=[5]", "schedule.anneal=5", "train.epochs=10"]
    )
    short = scaled(recipe, COSTS, images=1_000_000, seconds=2 + 3 * 10.5)
    assert (short.train.epochs, short.schedule.restarts, short.schedule.anneal) == (3, (2,), 1.0)


def test_the_warm_up_keeps_its_share_of_the_first_phase() -> None:
    recipe = imagette.Recipe.load("digits", ["schedule.name=linear", "schedule.restarts=[3]", "schedule.warmup=2.9"])
    short = scaled(recipe.replace(**{"train.epochs": 7}), COSTS, images=1_000_000, seconds=2 + 3 * 10.5)
    assert (short.train.epochs, short.schedule.restarts) == (3, (1,))
    assert short.schedule.warmup == pytest.approx(2.9 / 3)


def test_fewer_images_than_a_batch_are_enough_for_an_epoch() -> None:
    few = Estimate(prepare=1.0, step=1.0, image=0.0, steps_per_epoch=1, validation=0, test=10)
    assert scaled(imagette.Recipe.load("digits"), few, images=50, seconds=2.2).train.epochs == 1


def test_validation_images_of_their_own_are_no_part_of_the_limit(tmp_path: Path) -> None:
    recipe, seen = imagette.Recipe.load("digits"), replace(COSTS, validation=4000)  # 6 s, and 10 + 4 s an epoch
    carved, whole = (scaled(recipe, seen, 6400, seconds=6 + 9, whole=whole).data.limit for whole in (False, True))
    assert (carved, whole) == (int(6400 * 9 / 14), int(6400 * 5 / 10))
    images = np.random.default_rng(0).integers(0, 256, (900, 8, 8), np.uint8)
    parts = {"train": images[:300], "val": images[300:800], "test": images[800:]}
    arrays = {f"x_{part}": pixels for part, pixels in parts.items()}
    np.savez(tmp_path / "own.npz", **arrays, **{f"y_{part}": np.arange(len(x)) % 2 for part, x in parts.items()})
    for source, limited in (({"path": str(tmp_path / "own.npz")}, 300), ({"name": "digits"}, 1442)):
        assert data.load(Data(**source, validation=0.1)).limited == limited


@pytest.mark.parametrize(
    ("seconds", "overrides", "message"),
    [
        (0.5, FEW, "the budget is too short"),
        (60, [*FEW, "train.epochs=3"], "a budget decides train.epochs"),
        (-1, FEW, "a budget of -1 seconds"),
        (float("nan"), FEW, "a budget of nan seconds"),
        ("2m", FEW, "a budget of '2m' seconds"),
    ],
)
def test_what_cannot_be_is_said(seconds: float, overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        within_budget("digits", seconds, overrides)
    assert error.value.hint


def test_images_that_the_user_has_limited_are_not_limited_further() -> None:
    recipe = imagette.Recipe.load("digits", ["data.limit=6400"])
    assert scaled(recipe, COSTS, images=6400, seconds=2 + 3).data.limit < 6400
    with pytest.raises(InputError, match="the budget is too short"):
        scaled(recipe, COSTS, images=6400, seconds=2 + 3, asked=frozenset({"data.limit"}))
