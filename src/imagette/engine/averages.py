"""Second copies of the weights that follow the training: a moving average, and the slow weights of lookahead."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from imagette.models.copies import copied
from imagette.optim import schedules
from imagette.recipe.schema import Recipe

Place = tuple[Mapping[str, Tensor | None], str]


class Follower(ABC):
    """A copy of a module whose weights and statistics are pulled towards the trained ones.

    Args:
        module: the trained one; the copy stands in ``module``.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = copied(module)
        every = zip(_places(self.module), _places(module), strict=True)
        pairs = {_at(mean).data_ptr(): (mean, live) for mean, live in every}.values()  # tied weights count once
        self._smooth = [pair for pair in pairs if _smooth(pair[0])]
        self._counts = [pair for pair in pairs if not _smooth(pair[0])]  # and masks that hold infinity

    @torch.no_grad()
    def pull(self, share: float) -> None:
        """Go a share of the way to the trained weights."""
        torch._foreach_lerp_(*_tensors(self._smooth), share)
        for mean, live in zip(*_tensors(self._counts), strict=True):
            mean.copy_(live)

    @torch.no_grad()
    def give_back(self) -> None:
        """Set the trained weights to these."""
        means, live = _tensors(self._smooth)
        torch._foreach_copy_(live, means)

    @abstractmethod
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``, from 0."""


def _places(module: nn.Module) -> list[Place]:
    """List where a module's tensors are looked up: a forward pass may put another buffer in the place of one."""
    return [
        (tensors, name)
        for part in module.modules()
        for tensors in (part._parameters, part._buffers)
        for name, tensor in tensors.items()
        if tensor is not None and name not in part._non_persistent_buffers_set
    ]


def _at(place: Place) -> Tensor:
    tensors, name = place
    found = tensors[name]
    assert found is not None
    return found


def _smooth(place: Place) -> bool:
    tensor = _at(place)
    return tensor.is_floating_point() and bool(tensor.isfinite().all())


def _tensors(pairs: Sequence[tuple[Place, Place]]) -> tuple[list[Tensor], list[Tensor]]:
    return [_at(mean) for mean, _ in pairs], [_at(live) for _, live in pairs]


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

    After step :math:`t` of the :math:`T` of a phase, whenever ``every`` divides the step's number in the whole
    training, both counted from 1, the slow weights :math:`\phi` and the trained ones :math:`\theta` become

    .. math:: \theta \leftarrow \phi \leftarrow d\,\phi + (1 - d)\,\theta, \qquad d = 0.95^{\mathrm{every}} (t/T)^3,

    and at the end of the phase the trained weights are set to the slow ones. A phase shorter than ``every`` is looked
    back on once, at its end, with its length in the place of ``every``. So a high rate keeps its speed at first,
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
        short = end - start < self.every  # such a phase is looked back on once, at its end
        if due := done == end if short else done % self.every == 0:
            steps = min(self.every, end - start)
            self.pull(1 - 0.95**steps * ((done - start) / (end - start)) ** 3)
        if due or done == end:
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
