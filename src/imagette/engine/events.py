"""What a training tells while it runs: ``for event in training.events()``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Logged:
    """One step, as it stands in ``steps.csv``: ``loss`` and ``accuracy`` are those of the images learned from."""

    epoch: int
    step: int
    lr: float
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochDone:
    """One epoch, as it stands in ``metrics.csv``; validation figures are None where nothing validates.

    The training figures count the images learned from, ``images_per_second`` whole batches: with
    ``train.keep_hardest`` these differ.
    """

    epoch: int
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    best: bool
    seconds: float
    images_per_second: float
    announcement: str | None


@dataclass(frozen=True)
class Paused:
    """Training stopped between two steps because it was asked to; it can go on from here."""

    epoch: int
    step: int


@dataclass(frozen=True)
class Finished:
    """Training is over; ``best_epoch`` counts from 1, and ``early`` says that it stopped improving."""

    epochs: int
    best_epoch: int
    early: bool


Event = Logged | EpochDone | Paused | Finished
