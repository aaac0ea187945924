"""A recipe for a stretch of time: which strength, and for how many epochs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from numbers import Real
from typing import Any

from imagette.core.errors import InputError
from imagette.data import load as data
from imagette.engine import settings
from imagette.engine.estimate import Estimate, estimate
from imagette.optim.schedules import bounds
from imagette.recipe.load import assigned, strengths
from imagette.recipe.models import SpeedNet
from imagette.recipe.schema import Recipe

FILLED = 0.9  # of the time is planned for: other programs come and go
REPORT = 4.0  # seconds for the tables, pictures and the page of a run
LEAST = 0.5  # share of its epochs that a recipe must be given: with fewer, a faster recipe is more accurate
MOST = 3.0  # times its epochs; more would hardly help


@settings.undisturbed()
def within_budget(target: str | os.PathLike[str], seconds: float, overrides: Sequence[str] = ()) -> Recipe:
    """Choose a recipe's strength and epochs so that training and testing take a given time here.

    A few steps of each strength are timed, from fast to best, as long as the time is enough for at least half of its
    epochs. Where not even one epoch of the fastest fits, it trains on a part of the images. What a recipe counts in
    epochs, as milestones, keeps its share of them; what ``overrides`` sets stays as it is.

    Args:
        target: a shipped recipe's name, a ``.toml`` file, a run's folder, or a path to your own images.
        seconds: for all, from now to the tested run.
        overrides: dotted assignments, as in ``Recipe.load``; not of ``train.epochs``, which this decides.

    Returns:
        The recipe, to be trained.

    Raises:
        InputError: when the time is no number or too short to train on anything, or ``train.epochs`` is given too.
        ImagetteError: as ``imagette.train`` does for recipe and data.

    Example:
        >>> recipe = within_budget("digits", 20, ["model.name=linear"])
        >>> recipe.train.epochs > Recipe.load("digits").train.epochs
        True
    """
    if not isinstance(seconds, Real) or not 0 < seconds < math.inf:
        raise InputError(f"a budget of {seconds!r} seconds", hint="give a number larger than 0")
    asked = assigned(overrides)
    if "train.epochs" in asked:
        raise InputError("a budget decides train.epochs, and it was given too", hint="leave one of them out")
    end = time.perf_counter() + FILLED * seconds - REPORT
    _, *more = strengths(target)
    fast, *stronger = [Recipe.load(target, overrides, strength) for strength in (None, *more)]
    splits = data.load(fast.data)
    chosen, costs = fast, estimate(fast, splits)
    for recipe in stronger:  # on the same images
        if costs.total(chosen.train.epochs) > end - time.perf_counter():
            break
        dearer = estimate(recipe, splits)
        if dearer.total(LEAST * recipe.train.epochs) > end - time.perf_counter():
            break
        chosen, costs = recipe, dearer
    whole = splits.validation is not None and splits.limited == len(splits.train)
    classes = sum(count > 0 for count in splits.train.counts().values())
    return scaled(chosen, costs, splits.limited, end - time.perf_counter(), asked, whole, classes)


def scaled(
    recipe: Recipe,
    costs: Estimate,
    images: int,
    seconds: float,
    asked: frozenset[str] = frozenset(),
    whole: bool = False,
    classes: int = 0,
) -> Recipe:
    """Give a recipe the epochs that fit into a time or, where not one does, the images.

    Args:
        recipe: to be scaled; what it counts in epochs keeps its share.
        costs: of that recipe.
        images: the number that ``data.limit`` counts: training images, and validation images split off them.
        seconds: from the loaded images to the last figure.
        asked: keys that the user has set, and that stay as they are.
        whole: validation images come from a set of their own, which no limit makes smaller.
        classes: that have images; each needs one of them at least.

    Raises:
        InputError: when not even a batch fits, or not every class.

    Example:
        >>> costs = Estimate(prepare=1.0, step=0.1, image=0.001, steps_per_epoch=100, validation=0, test=1000)
        >>> scaled(Recipe.load("digits"), costs, images=6400, seconds=52).train.epochs
        5
    """
    affordable = (seconds - costs.fixed) / costs.epoch
    beside = costs.epoch - costs.training if whole else 0.0
    limit = int((seconds - costs.fixed - beside) / (costs.epoch - beside) * images)
    epochs = int(min(affordable, MOST * recipe.train.epochs))
    least = max(recipe.train.batch_size, classes)
    if recipe.data.validation and not whole:  # which takes one image at least, and leaves each class one
        least = max(least, classes + 1, math.ceil(1 / recipe.data.validation))
    if limit < min(least, images) or (not epochs and "data.limit" in asked):
        raise InputError(
            f"the budget is too short: when the images are loaded, {max(seconds, 0):.1f} s of it are left, preparing "
            f"and testing take {costs.fixed:.1f} s, and an epoch {costs.epoch:.1f} s",
            hint=f"give {math.ceil((costs.fixed + costs.epoch - seconds) / FILLED)} s more",
        )
    changes = {"train.epochs": max(epochs, 1), **_moved(recipe, max(epochs, 1), asked)}
    return recipe.replace(**changes if epochs else changes | {"data.limit": limit})


def _moved(recipe: Recipe, epochs: int, asked: frozenset[str]) -> dict[str, Any]:
    """Keep what a recipe counts in epochs at its share of the training, but for what was asked for."""
    ratio = epochs / recipe.train.epochs

    def share(value: int) -> int:
        return max(min(1, value), round(value * ratio))

    moved: dict[str, Any] = {}
    for key, value in dict(recipe.schedule).items():
        match "" if f"schedule.{key}" in asked else key:
            case "anneal":
                moved[key] = value * ratio
            case "every" | "patience" | "cooldown":
                moved[key] = share(value)
            case "milestones" | "restarts":
                moved[key] = tuple(sorted({share(epoch) for epoch in value}))
    phases = recipe.schedule.model_copy(update=moved)
    first, before = (bounds(*schedule)[1] for schedule in ((phases, epochs), (recipe.schedule, recipe.train.epochs)))
    moved["warmup"] = recipe.schedule.warmup * first / before
    if "anneal" in moved:  # rounding may leave less of the last phase
        *_, start, end = bounds(phases, epochs)
        moved["anneal"] = min(moved["anneal"], end - start)
    counted = {f"schedule.{key}": value for key, value in moved.items()} | {
        "train.early_stop": share(recipe.train.early_stop)
    }
    if isinstance(recipe.model, SpeedNet):
        counted["model.freeze_stem"] = share(recipe.model.freeze_stem)
    return {key: value for key, value in counted.items() if key not in asked}
