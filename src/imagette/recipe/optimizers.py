"""What can stand under ``[optim]`` and ``[schedule]``: optimizers and learning-rate schedules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from imagette.recipe.ranges import Factor, Share, ShareBelowOne, ShareBetween
from imagette.recipe.section import Section

Monitor = Literal["train_loss", "train_accuracy", "val_loss", "val_accuracy"]


class Optimizer(Section):
    """What all optimizers share."""

    name: str
    """Which optimizer."""
    weight_decay: NonNegativeFloat = 0.0
    """Pull of the weights towards zero at each step."""
    decay: Literal["weights", "all"] = "weights"
    """Which parameters decay: ``weights`` leaves out biases and batch-norm scales, which do not overfit."""
    clip_norm: NonNegativeFloat = 0.0
    """Largest L2 norm of the whole gradient; 0 does not clip."""


class SGD(Optimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: PositiveFloat = 0.05
    """Learning rate: take the largest that does not diverge in the first epochs."""
    momentum: ShareBelowOne = 0.9
    """Share of the last step that is kept; 0 is plain gradient descent."""
    nesterov: bool = False
    """Step by the gradient and the momentum that it has just joined, a step ahead of plain momentum; needs momentum."""
    norm_factor: Factor = 1.0
    """What the rate is multiplied by for the biases and scales of normalisation layers, which bear a higher one: 64 in
    airbench (Jordan, 2024). Their decay counts by ``lr``."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov = true needs momentum > 0")
        return self


class Adaptive(Optimizer):
    """What Adam and AdamW share."""

    lr: PositiveFloat = 1e-3
    """Learning rate; 0.001 suits most small nets."""
    betas: tuple[ShareBelowOne, ShareBelowOne] = (0.9, 0.999)
    """Memory of the mean and of the square of the gradient."""
    eps: Annotated[float, Field(ge=1e-30)] = 1e-8
    """Keeps the division finite."""


class Adam(Adaptive):
    """Adam (Kingma and Ba, 2015): weight decay is added to the gradient."""

    name: Literal["adam"] = "adam"


class AdamW(Adaptive):
    """AdamW (Loshchilov and Hutter, 2019): Adam with weight decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"


class Muon(Optimizer):
    """Muon (Jordan et al., 2024): orthogonal steps for filters and hidden matrices, Nesterov SGD for all else."""

    name: Literal["muon"] = "muon"
    lr: PositiveFloat = 0.1
    """Learning rate of filters and hidden matrices: every direction of theirs moves by about so much a step."""
    momentum: ShareBetween = 0.6
    """Share of the last step that is kept; 0.6 for a few epochs (airbench94_muon), 0.95 for many."""
    newton_schulz: Annotated[int, Field(ge=1, le=10)] = 3
    """Iterations towards an orthogonal step: 3 are enough for small filters, 5 are usual for large matrices."""
    fixed_norm: bool = False
    """Keep filters at a fixed length, in place of weight decay, so that the rate alone decides how far they turn; only
    where batch normalisation follows each of them and makes their length of no account."""
    other_lr: PositiveFloat = 0.05
    """Learning rate of SGD for biases and scales; the schedule moves all rates alike. Rate times decay is that of the
    filters, too; SGD carries the decay on as it does its steps, 1 / (1 - ``other_momentum``) times in all."""
    head_lr: PositiveFloat = 0.05
    """Learning rate of SGD for the last layer."""
    other_momentum: ShareBetween = 0.85
    """Share of the last step that SGD keeps."""


OptimSpec = Annotated[SGD | Adam | AdamW | Muon, Field(discriminator="name")]


class Schedule(Section):
    """What all schedules share."""

    idle: ClassVar[frozenset[str]] = frozenset()  # of these values, those that mean nothing to this schedule

    name: str
    """Which schedule."""
    warmup: NonNegativeFloat = 0.0
    """Epochs in which the rate climbs from near zero, so that early, random gradients do no harm."""
    restarts: tuple[PositiveInt, ...] = ()
    """Epochs at which the schedule starts anew (a second phase; ``imagette extend`` adds one)."""
    restart_factor: Factor = 1.0
    """At each restart, the rate that the schedule starts from is multiplied by this."""

    @model_validator(mode="after")
    def _restarts_ascend(self) -> Self:
        if list(self.restarts) != sorted(set(self.restarts)):
            raise ValueError("restarts must be ascending epochs, each once")
        return self


class Endless(Schedule):
    """What the schedules share that do not depend on how long a training is."""

    anneal: NonNegativeFloat = 0.0
    """Last epochs, in which the rate falls in a line from what the schedule says to zero: this settles the weights
    whenever a training is to end (Hägele et al., 2024)."""


class Constant(Endless):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"


class Step(Endless):
    """Multiply the rate by ``gamma`` every ``every`` epochs."""

    name: Literal["step"] = "step"
    every: PositiveInt = 25
    """Epochs between two reductions."""
    gamma: Factor = 0.1
    """What the rate is multiplied by."""


class MultiStep(Endless):
    """Multiply the rate by ``gamma`` at each milestone."""

    name: Literal["multistep"] = "multistep"
    milestones: tuple[PositiveInt, ...] = (30, 80)
    """Epochs of the reductions, ascending."""
    gamma: Factor = 0.1
    """What the rate is multiplied by."""

    @model_validator(mode="after")
    def _milestones_ascend(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones must be ascending epochs, each once")
        return self


class Plateau(Endless):
    """Reduce the rate when a figure stops improving (torch's ReduceLROnPlateau)."""

    idle: ClassVar[frozenset[str]] = frozenset({"warmup", "restarts", "restart_factor"})

    name: Literal["plateau"] = "plateau"
    monitor: Monitor = "val_accuracy"
    """The figure that is watched, once an epoch."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether lower or higher is better; ``auto`` takes max for an accuracy and min for a loss."""
    factor: ShareBetween = 0.5
    """What the rate is multiplied by."""
    patience: NonNegativeInt = 10
    """Epochs without improvement that are waited for; keep it long late in training."""
    threshold: NonNegativeFloat = 1e-4
    """What counts as an improvement."""
    threshold_mode: Literal["rel", "abs"] = "rel"
    """Whether the threshold is a share of the best figure or an amount."""
    cooldown: NonNegativeInt = 0
    """Epochs after a reduction in which nothing is counted."""
    min_lr: NonNegativeFloat = 0.0
    """The rate never falls below this."""
    eps: NonNegativeFloat = 1e-8
    """A reduction smaller than this is not made."""

    @model_validator(mode="after")
    def _fits_no_phases(self) -> Self:
        if self.warmup or self.restarts or self.restart_factor != 1:
            raise ValueError(
                "plateau follows a figure, not the clock: warmup, restarts and restart_factor must stay unset"
            )
        return self

    @model_validator(mode="after")
    def _improvement_is_possible(self) -> Self:
        if self.threshold_mode == "rel" and self.threshold >= 1:
            raise ValueError(
                f"threshold = {self.threshold:g} of the best figure can never be met: "
                "set threshold < 1, or threshold_mode = 'abs'"
            )
        return self


class Cosine(Schedule):
    """Fall along half a cosine to ``final`` times the rate (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = "cosine"
    final: Share = 0.0
    """Share of the rate that is left at the end."""


class OneCycle(Schedule):
    """Climb to the rate and fall far below it, each along half a cosine (Smith and Topin, 2018)."""

    idle: ClassVar[frozenset[str]] = frozenset({"warmup"})

    name: Literal["onecycle"] = "onecycle"
    peak_at: ShareBetween = 0.3
    """Share of the steps after which the rate is reached."""
    start: Share = 0.04
    """Share of the rate at the first step."""
    final: Share = 4e-6
    """Share of the rate at the last step."""

    @model_validator(mode="after")
    def _has_its_own_warmup(self) -> Self:
        if self.warmup:
            raise ValueError("onecycle climbs by itself: set peak_at, not warmup")
        return self


class LinearDecay(Schedule):
    """Fall along a straight line to ``final`` times the rate."""

    name: Literal["linear"] = "linear"
    final: Share = 0.0
    """Share of the rate that is left at the end."""


ScheduleSpec = Annotated[
    Constant | Step | MultiStep | Plateau | Cosine | OneCycle | LinearDecay, Field(discriminator="name")
]
