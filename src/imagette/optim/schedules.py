"""The learning rate of every step: schedules that follow the clock, and one that follows a figure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from imagette.core.console import counted
from imagette.core.errors import InputError
from imagette.recipe.optimizers import (
    Constant,
    Cosine,
    Endless,
    LinearDecay,
    MultiStep,
    OneCycle,
    Plateau,
    ScheduleSpec,
    Step,
)

ClockSpec = Constant | Step | MultiStep | Cosine | OneCycle | LinearDecay
Share = Callable[[int], float]  # step of a phase, from 0 -> share of the phase's rate


class Schedule(Protocol):
    """The learning rate of a training, step by step."""

    def rate(self, step: int) -> float:
        """Give the learning rate of a step, counted from 0 over the whole training."""

    def epoch_end(self, figures: Mapping[str, float]) -> str | None:
        """Take notice of an epoch's figures; return what a person should be told, if anything."""

    def state(self) -> dict[str, Any]:
        """Give all that must be kept to go on identically, ready for JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training over which a schedule runs once."""

    start: int  # its first step, in steps of the whole training
    peak: float  # the rate that its shares are shares of
    share: Share


class Clock:
    """A schedule whose rate depends on the step alone.

    Args:
        phases: in the order of their starts, the first at step 0.
    """

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = tuple(phases)
        self._starts = [phase.start for phase in phases]

    def rate(self, step: int) -> float:
        """Give the learning rate of a step, counted from 0 over the whole training."""
        phase = self._phases[bisect_right(self._starts, step) - 1]
        return phase.peak * phase.share(step - phase.start)

    def epoch_end(self, figures: Mapping[str, float]) -> str | None:
        """Nothing to say: figures do not change the rate."""

    def state(self) -> dict[str, Any]:
        """Give nothing: the step is all that the rate depends on."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""


class FollowPlateau:
    r"""A schedule that multiplies the rate by ``factor`` when a figure has stopped improving.

    With best figure :math:`b` and threshold :math:`\tau`, a figure :math:`f` is an improvement when (mode max, rel)
    :math:`f > b(1+\tau)`, (max, abs) :math:`f > b+\tau`, (min, rel) :math:`f < b(1-\tau)`, (min, abs)
    :math:`f < b-\tau`; NaN never is. After more than ``patience`` epochs without one, the rate becomes
    :math:`\max(\mathrm{factor}\cdot\eta, \mathrm{min\_lr})`, unless that is a change of ``eps`` or less; then
    ``cooldown`` epochs are not counted.

    Args:
        spec: every setting.
        lr: the first rate.

    Example:
        >>> schedule = FollowPlateau(Plateau(patience=1), lr=0.1)
        >>> [schedule.epoch_end({"val_accuracy": 0.9}) for _ in range(3)][-1]
        'learning rate 0.1 → 0.05: val_accuracy has not improved for 2 epochs'

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau, which decides; article A3 explains its settings.
    """

    def __init__(self, spec: Plateau, lr: float) -> None:
        self._monitor = spec.monitor
        accuracy = spec.monitor.endswith("accuracy")
        self._optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)  # torch's scheduler works on an optimizer's rate
        self._torch = ReduceLROnPlateau(
            self._optimizer,
            mode=spec.mode if spec.mode != "auto" else "max" if accuracy else "min",
            factor=spec.factor,
            patience=spec.patience,
            threshold=spec.threshold,
            threshold_mode=spec.threshold_mode,
            cooldown=spec.cooldown,
            min_lr=spec.min_lr,
            eps=spec.eps,
        )

    def rate(self, step: int) -> float:
        """Give the present learning rate."""
        return float(self._optimizer.param_groups[0]["lr"])

    def epoch_end(self, figures: Mapping[str, float]) -> str | None:
        """Take notice of the watched figure, if it was measured; say when the rate falls, and why."""
        if self._monitor not in figures:
            return None
        before = self.rate(0)
        self._torch.step(figures[self._monitor])
        after = self.rate(0)
        if after == before:
            return None
        waited = counted(self._torch.patience + 1, "epoch")
        return f"learning rate {before:.6g} → {after:.6g}: {self._monitor} has not improved for {waited}"

    def state(self) -> dict[str, Any]:
        """Give the rate, the best figure (None before there is one) and the counters."""
        best = self._torch.best
        return {
            "rate": self.rate(0),
            "best": best if math.isfinite(best) else None,
            "bad_epochs": self._torch.num_bad_epochs,
            "cooldown": self._torch.cooldown_counter,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state."""
        self._optimizer.param_groups[0]["lr"] = state["rate"]
        self._torch.best = self._torch.mode_worse if state["best"] is None else state["best"]
        self._torch.num_bad_epochs = state["bad_epochs"]
        self._torch.cooldown_counter = state["cooldown"]


class Annealed:
    r"""A schedule whose rate falls in a line to zero over the last steps.

    Step :math:`t` of the last :math:`A` of :math:`T` steps has :math:`(T - t) / A` times the schedule's rate.

    Args:
        schedule: whose rate it is until then.
        total: steps of the whole training, :math:`T`.
        steps: how many of them anneal, :math:`A`.

    Example:
        >>> constant = Clock([Phase(0, 0.1, lambda t: 1.0)])
        >>> [round(Annealed(constant, total=6, steps=4).rate(step), 4) for step in range(6)]
        [0.1, 0.1, 0.1, 0.075, 0.05, 0.025]

    Source: Hägele et al., 2024, Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations.
    """

    def __init__(self, schedule: Schedule, total: int, steps: int) -> None:
        self._schedule, self._total, self._steps = schedule, total, steps
        self.epoch_end, self.state, self.restore = schedule.epoch_end, schedule.state, schedule.restore

    def rate(self, step: int) -> float:
        """Give the learning rate of a step, counted from 0 over the whole training."""
        return self._schedule.rate(step) * min(1.0, max(0, self._total - step) / self._steps)


def build(spec: ScheduleSpec, lr: float, steps_per_epoch: int, epochs: int) -> Schedule:
    r"""Build the schedule that a recipe names.

    Phase :math:`j` lasts from restart :math:`r_j` to the next one (or to the end) and runs the schedule anew with
    the rate :math:`\eta_j = \mathrm{lr} \cdot \mathrm{restart\_factor}^j`; restarts at or after the end are never
    reached. In a phase of :math:`T` steps of which the first :math:`W` warm up (:math:`W = 0` but in the first
    phase), step :math:`t` has the rate :math:`\eta_j \min(1, (t+1)/(W+1)) \cdot s(t)`, with the epoch
    :math:`e = \lfloor t / \mathrm{steps\_per\_epoch} \rfloor`, the shares

    - ``constant``: :math:`s = 1`;
    - ``step``: :math:`s = \gamma^{\lfloor e / \mathrm{every} \rfloor}`;
    - ``multistep``: :math:`s = \gamma^{m}` where :math:`m` milestones are at or before :math:`e`;
    - ``linear``: :math:`s = 1 - (1 - \mathrm{final})\,x` with :math:`x = \max(0, t - W) / (T - W)`;
    - ``cosine``: :math:`s = \mathrm{final} + (1 - \mathrm{final})(1 + \cos \pi x) / 2`;
    - ``onecycle``: half a cosine from ``start`` at step 0 to 1 at step :math:`p = \mathrm{peak\_at}\,T - 1`, then
      another to ``final`` at step :math:`T - 1`;

    so linear and cosine fall once the warm-up is over, and step and multi-step count its epochs. Over the last
    ``anneal`` epochs, what the schedule says falls to zero (``Annealed``).

    Args:
        spec: the recipe's ``[schedule]``.
        lr: the recipe's learning rate: the first one, or the highest of one-cycle.
        steps_per_epoch: optimizer steps in an epoch.
        epochs: of the whole training.

    Raises:
        InputError: when the warm-up is as long as its phase or longer, or more is annealed than the last phase.

    Example:
        >>> schedule = build(LinearDecay(warmup=1), lr=0.1, steps_per_epoch=4, epochs=3)
        >>> [round(schedule.rate(step), 4) for step in range(12)]
        [0.02, 0.04, 0.06, 0.08, 0.1, 0.0875, 0.075, 0.0625, 0.05, 0.0375, 0.025, 0.0125]

    Source: the formulas are those of torch.optim.lr_scheduler (StepLR, MultiStepLR, LinearLR, CosineAnnealingLR,
    OneCycleLR), in closed form.
    """
    schedule = FollowPlateau(spec, lr) if isinstance(spec, Plateau) else _clock(spec, lr, steps_per_epoch, epochs)
    if not isinstance(spec, Endless) or not spec.anneal:
        return schedule
    *_, start, end = bounds(spec, epochs)
    if spec.anneal > end - start:
        raise InputError(
            f"schedule.anneal = {spec.anneal:g} epochs, but the schedule's last phase has only {end - start}",
            hint="anneal less, or make train.epochs larger",
        )
    return Annealed(schedule, epochs * steps_per_epoch, max(1, round(spec.anneal * steps_per_epoch)))


def _clock(spec: ClockSpec, lr: float, steps_per_epoch: int, epochs: int) -> Clock:
    starts = bounds(spec, epochs)
    if spec.warmup >= starts[1]:
        raise InputError(
            f"schedule.warmup = {spec.warmup:g} epochs, but the schedule's first phase has only {starts[1]}",
            hint="make the warm-up shorter, or train.epochs larger",
        )
    phases = []
    for number, (start, end) in enumerate(pairwise(starts)):
        total = (end - start) * steps_per_epoch
        warmup = min(round(spec.warmup * steps_per_epoch), total - 1) if number == 0 else 0
        share = _warmed(_share(spec, steps_per_epoch, total, warmup), warmup)
        phases.append(Phase(start * steps_per_epoch, lr * spec.restart_factor**number, share))
    return Clock(phases)


def bounds(spec: ScheduleSpec, epochs: int) -> list[int]:
    """Give the epochs at which the phases of a schedule begin, and the one at which the last of them ends.

    Example:
        >>> bounds(LinearDecay(restarts=(10, 40)), epochs=30)
        [0, 10, 30]
    """
    return [0, *(epoch for epoch in spec.restarts if epoch < epochs), epochs]


def _warmed(share: Share, warmup: int) -> Share:
    return (lambda t: min(1.0, (t + 1) / (warmup + 1)) * share(t)) if warmup else share


def _share(spec: ClockSpec, epoch: int, total: int, warmup: int) -> Share:
    """Give s(t); ``epoch``, ``total`` and ``warmup`` are numbers of steps."""
    match spec:
        case Step():
            return lambda t: spec.gamma ** (t // epoch // spec.every)
        case MultiStep():
            return lambda t: spec.gamma ** bisect_right(spec.milestones, t // epoch)
        case Cosine():
            return lambda t: _cosine(1.0, spec.final, _progress(t, warmup, total))
        case LinearDecay():
            return lambda t: 1.0 - (1.0 - spec.final) * _progress(t, warmup, total)
        case OneCycle():
            return lambda t: _one_cycle(spec, t, total)
        case Constant():
            return lambda t: 1.0


def _progress(t: int, start: float, end: float) -> float:
    """Give how much of the way from ``start`` to ``end`` is done, within [0, 1]."""
    return min(1.0, max(0.0, (t - start) / (end - start)))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0


def _one_cycle(spec: OneCycle, t: int, total: int) -> float:
    if total == 1:  # the formula would have it end before it begins
        return 1.0
    peak = spec.peak_at * total - 1
    if t < peak:
        return _cosine(spec.start, 1.0, _progress(t, 0, peak))
    return _cosine(1.0, spec.final, _progress(t, peak, total - 1))
