"""Where nets are built that are trained again and again in one process, as speed records are set on GPUs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from imagette import models
from imagette.data.imageset import ImageSet
from imagette.engine import nets
from imagette.engine.plan import Plan

FIRST_SEED = 100  # the tuning used the first few
# On a GPU, as airbench: compiled, batches of one size, large ones to test, and nothing to wait for in an epoch.
COMPILED = ("train.compile=on", "train.drop_last=true", "evaluate.batch_size=2000", "train.log_every=100000")
WARM_UPS = 2  # trainings, as airbench


def randomly_labelled(images: ImageSet) -> ImageSet:
    """Give images from which a warm-up learns nothing."""
    labels = np.random.default_rng(0).integers(0, len(images.classes), len(images))
    return replace(images, labels=labels)


class Workshop:
    """Builds each net in the memory of the first of its kind, whose compiled steps know no other place.

    Attributes:
        seconds: that the computation of stems has taken, which belongs to a training's clock.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._firsts: dict[str, nn.Module] = {}
        models.prepare, nets.placed = self._timed(models.prepare), self._again(nets.placed)

    def _timed(self, prepare: Callable[..., None]) -> Callable[..., None]:
        def timed(*arguments: Any) -> None:
            started = time.perf_counter()
            prepare(*arguments)
            self.seconds += time.perf_counter() - started

        return timed

    def _again(self, place: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def placed(module: nn.Module, plan: Plan) -> nn.Module:
            new = place(module, plan)
            first = self._firsts.setdefault(repr(new), new)
            first.load_state_dict(new.state_dict())
            for parameter, fresh in zip(first.parameters(), new.parameters(), strict=True):
                parameter.requires_grad_(fresh.requires_grad)  # a stem may have been frozen
            return first

        return placed
