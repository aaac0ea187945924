"""Where a training stands: its counters, and its tensors under names, as a checkpoint holds them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Weights = dict[str, Tensor]


@dataclass
class Progress:
    """Where a training stands; with the tensors of ``Training.state`` it is all that a resume needs."""

    epoch: int = 0  # epochs that are done
    batch: int = 0  # batches of the current epoch that are done
    step: int = 0  # batches of all epochs that are done
    loss_sum: float = 0.0  # of the images of the current epoch
    correct: int = 0  # of them, those that were classified right
    best: list[float] | None = None  # its rank
    best_epoch: int = 0
    early: bool = False
    patient_from: int = 0  # the epoch from which early stopping counts: the last better one, or an extension's start
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0, "epoch": 0.0})

    def trained(self, seconds: float) -> None:
        """Add to the clocks of the training and of its current epoch."""
        self.seconds["train"] += seconds
        self.seconds["epoch"] += seconds

    def improved(self, figures: Mapping[str, float], monitor: str) -> bool:
        """Note the epoch that has just ended if it is the best so far; a figure that is not a number never is."""
        new, best = rank(figures, monitor), self.best
        if math.isnan(new[0]) or (best is not None and new <= best):
            return False
        if best is None or new[0] > best[0]:  # a loss that creeps on while the figure ties is no reason to wait
            self.patient_from = self.epoch
        self.best, self.best_epoch = new, self.epoch
        return True

    def go_on(self) -> None:
        """Let a training that stopped early go on: patience begins a new count."""
        self.early, self.patient_from = False, self.epoch


def rank(figures: Mapping[str, float], monitor: str) -> list[float]:
    """Order epochs, the best one highest: by the monitored figure, and where it ties, by the loss of the same images.

    Few images tie soon: their accuracy stands still long before the net has learned how sure it may be.

    Example:
        >>> rank({"val_accuracy": 1.0, "val_loss": 0.2}, "val_accuracy")
        [1.0, -0.2]
    """
    sign = -1 if monitor.endswith("loss") else 1
    loss = figures[monitor.replace("accuracy", "loss")]
    return [sign * figures[monitor], -math.inf if math.isnan(loss) else -loss]


def joined(parts: Mapping[str, Mapping[str, Tensor]]) -> Weights:
    """Give the tensors of all parts under ``part.name``.

    Example:
        >>> list(joined({"model": {"fc.bias": torch.zeros(2)}}))
        ['model.fc.bias']
    """
    return {f"{prefix}.{name}": value for prefix, tensors in parts.items() for name, value in tensors.items()}


def part(tensors: Mapping[str, Tensor], prefix: str) -> Weights:
    """Give the tensors of one part under their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def not_finite(tensors: Mapping[str, Tensor], meant: Collection[str] = ()) -> list[str]:
    """Name the tensors that hold infinity or what is not a number, but for those that are meant to, in any part.

    Example:
        >>> not_finite({"weight": torch.ones(2), "mask": torch.tensor([0.0, -torch.inf])})
        ['mask']
    """
    watched = {name: value for name, value in tensors.items() if name.partition(".")[2] not in meant}
    return [name for name, value in watched.items() if value.is_floating_point() and not bool(value.isfinite().all())]


def cpu_copy(module: nn.Module) -> Weights:
    """Copy a module's weights and statistics to the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in module.state_dict().items()}


def optimizer_slots(optimizer: Optimizer) -> Weights:
    """Give an optimizer's tensors under ``parameter.slot``; the rest of its state follows from recipe and schedule."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{slot}": value
        for number, slots in state.items()
        for slot, value in slots.items()
        if value is not None
    }


def restore_optimizer(optimizer: Optimizer, slots: Mapping[str, Tensor]) -> None:
    """Put an optimizer's tensors back.

    Raises:
        IndexError: when they are those of more parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in slots.items():
        number, slot = key.split(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            # Fused optimizers walk memory, not indices: a slot must lie in memory as its parameter does.
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[slot] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
