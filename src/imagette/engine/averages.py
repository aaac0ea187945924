"""Second copies of the weights that follow the training: a moving average, and the slow weights of lookahead."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import nn

from imagette.optim import schedules
from imagette.recipe.schema import Recipe


class Follower(ABC):
    """A copy of a module whose weights and statistics are pulled towards the trained ones.

    Args:
        module: the trained one; the copy stands in ``module``.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module)
        pairs = zip(self.module.state_dict().values(), module.state_dict().values(), strict=True)
        once = {mean.data_ptr(): (mean, live) for mean, live in pairs}.values()  # tied weights count once
        smooth = {id(mean): mean.is_floating_point() and bool(mean.isfinite().all()) for mean, _ in once}
        self._pairs = [(mean, live) for mean, live in once if smooth[id(mean)]]
        self._counts = [(mean, live) for mean, live in once if not smooth[id(mean)]]  # and masks that hold infinity

    @torch.no_grad()
    def pull(self, share: float) -> None:
        """Go a share of the way to the trained weights."""
        means, live = zip(*self._pairs, strict=True)
        torch._foreach_lerp_(means, live, share)
        for mean, value in self._counts:
            mean.copy_(value)

    @torch.no_grad()
    def give_back(self) -> None:
        """Set the trained weights to these."""
        means, live = zip(*self._pairs, strict=True)
        torch._foreach_copy_(live, means)

    @abstractmethod
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``, from 0."""


class MovingAverage(Follower):
    """An exponential moving average of a module's weights and statistics.

    The decay grows with the steps, min(decay, (1 + t) / (10 + t)), so that the first weights are soon forgotten.

    Args:
        module: the trained one.
        decay: share of the average that is left after a step.

    Example:
        >>> average = MovingAverage(nn.Linear(2, 2), decay=0.99)
        >>> average.update(0)
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__(module)
        self.decay = decay

    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``, from 0."""
        self.pull(1 - min(self.decay, (1 + step) / (10 + step)))


class Lookahead(Follower):
    r"""Slow weights that the training goes back to every few steps: timid at first, bold in the end.

    After step :math:`t` of the :math:`T` of a phase, counted from 1, whenever ``every`` divides it, the slow weights
    :math:`\phi` and the trained ones :math:`\theta` become

    .. math:: \theta \leftarrow \phi \leftarrow d\,\phi + (1 - d)\,\theta, \qquad d = 0.95^{\mathrm{every}} (t/T)^3,

    and at the end of the phase the trained weights are set to the slow ones. So a high rate keeps its speed at first,
    and its noise is averaged away in the end. The statistics of batch normalisation are taken along.

    Args:
        module: the trained one.
        every: steps between two looks.
        ends: the step numbers, ascending, at which the phases of the schedule end.

    Example:
        >>> net = nn.Linear(2, 2)
        >>> lookahead = Lookahead(net, every=5, ends=[100])
        >>> lookahead.update(4)

    Source: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back" (2019); the growing strength is that of
    K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (2024).
    """

    def __init__(self, module: nn.Module, every: int, ends: Sequence[int]) -> None:
        super().__init__(module)
        self.every, self.bounds = every, (0, *ends)

    def update(self, step: int) -> None:
        """Look back after step number ``step``, from 0, if it is time."""
        done = step + 1
        phase = bisect_left(self.bounds, done)
        start, end = self.bounds[phase - 1 : phase + 1]
        if done % self.every == 0:
            self.pull(1 - 0.95**self.every * ((done - start) / (end - start)) ** 3)
        if done % self.every == 0 or done == end:
            self.give_back()


def followers(module: nn.Module, recipe: Recipe, steps_per_epoch: int) -> dict[str, Follower]:
    """Make the copies that a recipe asks for, by the names that a checkpoint knows them by.

    The average comes last: it takes in what lookahead has made of the weights.

    Args:
        module: the trained one.
        recipe: ``train.lookahead``, ``train.ema``, and the schedule's phases are read.
        steps_per_epoch: optimizer steps in an epoch.

    Example:
        >>> list(followers(nn.Linear(2, 2), Recipe.load("digits", ["train.ema=0.9", "train.lookahead=5"]), 10))
        ['lookahead', 'average']
    """
    spec, found = recipe.train, dict[str, Follower]()
    if spec.lookahead:
        _, *epochs = schedules.bounds(recipe.schedule, spec.epochs)
        found["lookahead"] = Lookahead(module, spec.lookahead, [epoch * steps_per_epoch for epoch in epochs])
    if spec.ema:
        found["average"] = MovingAverage(module, spec.ema)
    return found
