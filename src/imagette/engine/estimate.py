"""How long a training takes here: its own loop, for a few steps."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import fmean, median_low

from imagette.data.splits import Splits
from imagette.engine import probe
from imagette.engine.events import Logged
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.engine.proxy import LEARNS_EVERY
from imagette.recipe.schema import Recipe

STEPS = LEARNS_EVERY  # timed, after one to warm up; a proxy learns on one of them
LONG = 1.0  # seconds: then a few steps are enough
IMAGES = 500  # evaluated


@dataclass(frozen=True)
class Estimate:
    """What a training on these images costs, in seconds.

    Attributes:
        prepare: to build model, batches and optimizer.
        step: one step, augmentation included.
        image: to evaluate one image with all of its views.
        steps_per_epoch: of the recipe on these images; a last, smaller batch counts as the part that it is.
        validation: number of validation images, evaluated after each epoch.
        test: number of test images, evaluated once.
        views: of an image at the end; an epoch is validated with one.
    """

    prepare: float
    step: float
    image: float
    steps_per_epoch: float
    validation: int
    test: int
    views: int = 1

    @property
    def training(self) -> float:
        """Seconds of an epoch without its validation."""
        return self.steps_per_epoch * self.step

    @property
    def epoch(self) -> float:
        """Seconds of an epoch with its validation."""
        return self.training + self.validation * self.image / self.views

    @property
    def fixed(self) -> float:
        """Seconds that do not depend on the epochs: preparing, and the figures at the end."""
        return self.prepare + (self.validation + self.test) * self.image

    def total(self, epochs: float) -> float:
        """Give the seconds of so many epochs, from the loaded images to the last figure."""
        return self.fixed + epochs * self.epoch


def estimate(recipe: Recipe, splits: Splits, plan: Plan | None = None) -> Estimate:
    """Train a few steps of a recipe and evaluate a few images, and say what the whole would cost.

    Args:
        recipe: to be trained.
        splits: its images.
        plan: how to train it here; found out when None.

    Returns:
        The median of the steps, or of stretches of small ones: what else runs on the machine disturbs single ones.
        With a proxy, which learns on one step in so many, the mean.

    Raises:
        InputError: when recipe and images do not fit each other.
        Diverged: when the loss is not finite within these steps.

    Example:
        >>> from imagette.data.load import load
        >>> recipe = Recipe.load("digits", ["model.name=linear"])
        >>> estimate(recipe, load(recipe.data)).total(epochs=20) < 60
        True
    """
    started = time.perf_counter()
    train = splits.train
    plan = plan or probe.decided(recipe, train)
    training = Training(recipe, train, None, replace(plan, log_every=1))
    prepare = time.perf_counter() - started
    seconds = _by_image(training)
    typical = median_low if training.proxy is None else fmean
    some = splits.test.images[:IMAGES]
    predictor = training.predictor()
    predictor.logits(some)  # the first pass chooses its kernels
    started = time.perf_counter()
    predictor.logits(some)
    batch = min(recipe.train.batch_size, len(train))
    return Estimate(
        prepare,
        batch * typical(seconds),
        (time.perf_counter() - started) / len(some),
        training.batches.used / batch,
        len(splits.validation) if splits.validation else 0,
        len(splits.test),
        recipe.evaluate.views,
    )


def _by_image(training: Training) -> list[float]:
    """Train some steps; give the seconds an image of each, or of each stretch of small ones, after one to warm up."""
    together = training.batches.together  # the first batch of a stretch waits for the augmentation of all
    started, rows = time.perf_counter(), list[float]()
    for event in training.events():
        if isinstance(event, Logged):
            rows.append(1 / event.images_per_second)
        slow = time.perf_counter() - started > LONG and len(rows) > STEPS
        if slow or len(rows) == (STEPS + 1) * together:
            break
    stretches = [fmean(rows[i : i + together]) for i in range(together, len(rows), together)]
    return stretches or rows[1:] or rows
