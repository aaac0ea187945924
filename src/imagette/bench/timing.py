"""Time pieces of work in turns, so that what slows the machine slows all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from imagette.bench.nets import CLASSES, Net, recipe_of
from imagette.core.shape import Shape
from imagette.data.imageset import ImageSet
from imagette.engine import probe
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training
from imagette.engine.plan import Plan

ROUND_SECONDS = 1.5  # of one net: long enough for the clock, short enough that all nets meet the same machine
LEAST_STEPS = 3
MOST_IMAGES = 60_000  # those of the data sets that the nets are for

Work = Callable[[], None]


def random_images(shape: Shape, n: int) -> ImageSet:
    """Make n random images (C, H, W) uint8: pixels change what is learned, not how long it takes.

    Example:
        >>> random_images((1, 28, 28), 5).images.shape
        (5, 1, 28, 28)
    """
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, *shape), np.uint8)
    classes = tuple("abcdefghij"[:CLASSES])
    return ImageSet(pixels, rng.integers(0, CLASSES, n), classes, np.arange(n).astype(str), {})


def images_of(net: Net, steps: int | None = None) -> ImageSet:
    """Make random images for one epoch of a net.

    Args:
        net: its image shape and batch size.
        steps: of the epoch; the net's own when None.

    Example:
        >>> from imagette.bench.nets import NETS
        >>> len(images_of(NETS["lenet"], 3))
        192
    """
    return random_images(net.shape, net.batch * (steps or net.steps))


def prepare(
    net: Net, precision: str = "auto", threads: int = 0, seconds: float = ROUND_SECONDS, steps: int = 0
) -> Training:
    """Make the training of a net as ``imagette train`` would carry it out here, with epochs of a given length.

    It is planned for 60,000 images: its steps are logged as often as theirs.

    Args:
        net: what to train.
        precision: as ``train.precision``; ``auto`` leaves it to the plan.
        threads: as ``train.threads``; 0 leaves it to the plan.
        seconds: of an epoch, about, as far as 3 steps are not longer and 60,000 images not shorter.
        steps: of an epoch; 0 takes as many as the seconds allow.

    Example:
        >>> from imagette.bench.nets import NETS
        >>> training = prepare(NETS["lenet"], threads=1, seconds=0.05)
        >>> len(training.images) == 64 * training.plan.steps_per_epoch
        True
    """
    recipe = recipe_of(net, precision, threads)
    plan = probe.chosen(recipe, Plan.make(recipe, MOST_IMAGES), net.shape, CLASSES, MOST_IMAGES)
    if not steps:
        step = probe.step_seconds(recipe, plan, net.shape, CLASSES)
        steps = max(LEAST_STEPS, min(math.ceil(seconds / step), MOST_IMAGES // net.batch))
    return Training(recipe, images_of(net, steps), None, replace(plan, steps_per_epoch=steps))


def through_the_engine(training: Training) -> Work:
    """Give the function that runs the next epoch of the real loop, with the threads of its plan.

    Example:
        >>> from imagette.bench.nets import NETS
        >>> training = prepare(NETS["lenet"], threads=1, seconds=0.05)
        >>> epoch = through_the_engine(training)
        >>> epoch(), epoch(), training.progress.epoch
        (None, None, 2)
    """
    epochs = (event for event in training.events() if isinstance(event, EpochDone))

    def epoch() -> None:
        torch.set_num_threads(training.plan.threads)
        next(epochs)

    return epoch


def in_turns(
    works: Mapping[str, Work], rounds: int, done: Callable[[int], None] | None = None
) -> dict[str, list[float]]:
    """Time each of several works once a round, the order turned around from round to round.

    An untimed round comes first, for caches and the choice of kernels.

    Args:
        works: what to time, by name.
        rounds: how often.
        done: told 1 whenever a work has been done, the untimed ones too.

    Returns:
        The seconds of each work, round by round.

    Example:
        >>> calls = []
        >>> times = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
        >>> "".join(calls), len(times["a"])
        ('abbaab', 2)
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name in list(works)[:: -1 if number % 2 else 1]:
            _wait_for_gpu()
            started = time.perf_counter()
            works[name]()
            _wait_for_gpu()
            if number:
                seconds[name].append(time.perf_counter() - started)
            if done:
                done(1)
    return seconds


def _wait_for_gpu() -> None:
    """A GPU works on after it was asked."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
